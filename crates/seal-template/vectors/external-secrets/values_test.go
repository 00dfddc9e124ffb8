package externalsecretsvectors

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"software.sslmate.com/src/go-pkcs12"
)

// values is what templates see: throwaway keys, certificates and archives, made once.
type values map[string][]byte

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

type authority struct {
	certificate *x509.Certificate
	key         any
}

var serial int64

func issue(template *x509.Certificate, public any, by *authority, key any) authority {
	serial++
	template.SerialNumber = big.NewInt(serial)
	template.NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	template.NotAfter = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der := must(x509.CreateCertificate(rand.Reader, template, parent, public, signer))
	return authority{must(x509.ParseCertificate(der)), key}
}

func named(name string, ca bool) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: true}
}

// openssl runs the program with the values it names as files; it answers with what it wrote to standard output.
func openssl(v values, arguments ...string) []byte {
	folder := must(os.MkdirTemp("", "vectors"))
	defer os.RemoveAll(folder)
	for at, argument := range arguments {
		if name, isFile := strings.CutPrefix(argument, "@"); isFile {
			path := filepath.Join(folder, strings.ReplaceAll(name, "/", "-"))
			if err := os.WriteFile(path, v[name], 0o600); err != nil {
				panic(err)
			}
			arguments[at] = path
		}
	}
	command := exec.Command("openssl", arguments...)
	command.Stderr = os.Stderr
	return must(command.Output())
}

func makeKeys(v values) map[string]any {
	keys := map[string]any{
		"rsa":  must(rsa.GenerateKey(rand.Reader, 2048)),
		"p256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"p384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"p521": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
		"p224": must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)),
		"ed":   must1(ed25519.GenerateKey(rand.Reader)),
		"x":    must(ecdh.X25519().GenerateKey(rand.Reader)),
	}
	for name, key := range keys {
		v["key_"+name] = block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
		switch key := key.(type) {
		case *rsa.PrivateKey:
			v["key_rsa_pkcs1"] = block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
		case *ecdsa.PrivateKey:
			v["key_"+name+"_sec1"] = block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key)))
		}
	}
	v["key_rsa_1024"] = openssl(v, "genrsa", "-traditional", "1024")
	v["key_rsa_3072"] = openssl(v, "genrsa", "3072")
	v["key_dsa"] = openssl(v, "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024")
	v["key_dsa"] = openssl(v, "genpkey", "-paramfile", "@key_dsa")
	v["key_encrypted"] = openssl(v, "pkcs8", "-topk8", "-passout", "pass:secret", "-in", "@key_p256")
	v["public_rsa"] = openssl(v, "pkey", "-in", "@key_rsa", "-pubout")
	// A short scalar without its leading zeros, and a point that is left out: both are read.
	short := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 31), 7)))
	v["key_p256_short"] = block("EC PRIVATE KEY", must(asn1.Marshal(struct {
		Version int
		Key     []byte
		Curve   asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	}{1, []byte{7}, asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}})))
	v["key_p256_short_pkcs8"] = block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(short)))
	return keys
}

func must1(_ ed25519.PublicKey, key ed25519.PrivateKey, err error) ed25519.PrivateKey {
	return must(key, err)
}

func makeCertificates(v values, keys map[string]any) {
	p256 := keys["p256"].(*ecdsa.PrivateKey)
	root := issue(named("root", true), &p256.PublicKey, nil, p256)
	middleKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	middle := issue(named("intermediate", true), &middleKey.PublicKey, &root, middleKey)
	lowerKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	lower := issue(named("lower", true), &lowerKey.PublicKey, &middle, lowerKey)
	leafTemplate := named("leaf", false)
	leafTemplate.DNSNames = []string{"a.example", "*.b.example"}
	leafTemplate.IPAddresses = []net.IP{net.ParseIP("10.0.0.1"), net.ParseIP("2001:db8::1"), net.ParseIP("::1")}
	leafTemplate.EmailAddresses = []string{"ops@example.com"}
	leafTemplate.URIs = []*url.URL{must(url.Parse("spiffe://trust.example/ns/prod/sa/web")), must(url.Parse("https://u@h.example:8443/a%20b?q=1#f"))}
	leafTemplate.SubjectKeyId = []byte("a leaf's own identifier")
	leafKey := keys["rsa"].(*rsa.PrivateKey)
	leaf := issue(leafTemplate, &leafKey.PublicKey, &lower, leafKey)
	otherKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	other := issue(named("other root", true), &otherKey.PublicKey, nil, otherKey)
	// Neither identifier: this one is its own issuer by its name only.
	edKey := keys["ed"].(ed25519.PrivateKey)
	bare := issue(named("bare", false), edKey.Public(), nil, edKey)

	exotic := named("", false)
	exotic.RawSubject = must(asn1.Marshal(pkix.RDNSequence{
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "DE"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 8}, Value: "Baden-Württemberg"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 7}, Value: " Ulm "}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: `Acme, "Co" + <Sons>; \ #1`}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "#ops"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "dev"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 9}, Value: "1 Main St"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 17}, Value: "89073"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "first"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "last"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 5}, Value: "42"}},
		{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "ops@example.com"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 12}, Value: "Chief"}},
		{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "example"}},
	}))
	strange := issue(exotic, &p256.PublicKey, nil, p256)
	beyond := issue(named("key \U0001F511", true), &p256.PublicKey, nil, p256)
	empty := issue(named("", true), &p256.PublicKey, nil, p256)

	for name, each := range map[string]authority{"root": root, "intermediate": middle, "lower": lower, "leaf": leaf, "other": other,
		"bare": bare, "exotic": strange, "beyond": beyond, "nameless": empty} {
		v["cert_"+name] = block("CERTIFICATE", each.certificate.Raw)
	}
	v["der_root"] = root.certificate.Raw
	join := func(names ...string) []byte {
		var joined []byte
		for _, name := range names {
			joined = append(joined, v["cert_"+name]...)
		}
		return joined
	}
	v["chain"] = join("leaf", "lower", "intermediate", "root")
	v["chain_shuffled"] = join("root", "leaf", "intermediate", "lower")
	v["chain_rootless"] = join("lower", "leaf", "intermediate")
	v["chain_disjunct"] = join("leaf", "lower", "intermediate", "root", "other")
	v["chain_twice"] = join("root", "root")
	v["chain_blank_end"] = append(join("leaf", "lower"), '\n', '\n')
	v["chain_commented"] = []byte("# leaf\n" + string(v["cert_leaf"]) + "# lower\n" + string(v["cert_lower"]))
	v["chain_and_key"] = append(join("leaf", "lower"), v["key_rsa"]...)
	v["key_and_chain"] = append(append([]byte{}, v["key_rsa"]...), v["chain"]...)
	v["chain_crlf"] = bytes.ReplaceAll(v["chain"], []byte("\n"), []byte("\r\n"))
	v["chain_indented"] = []byte("    " + string(v["cert_root"]))
	v["chain_one_line"] = bytes.ReplaceAll(v["cert_root"], []byte("\n"), []byte(" "))
	v["junk"] = []byte("-----junk-----")
	v["junk_before"] = append([]byte("some junk"), v["chain_and_key"]...)
	v["junk_between"] = []byte(string(v["cert_leaf"]) + "some junk" + string(v["key_rsa"]))
	v["junk_after"] = append(append([]byte{}, v["chain_and_key"]...), "some ---junk---"...)
	v["not_a_certificate"] = block("CERTIFICATE", []byte("nothing of the kind"))
	v["with_headers"] = []byte("-----BEGIN RSA PRIVATE KEY-----\nX-Last: 1\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	v["unended"] = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n" + string(v["cert_root"]))
	v["empty_block"] = []byte("-----BEGIN NOTHING-----\n-----END NOTHING-----\n")
}

func makeArchives(v values, keys map[string]any) {
	leaf := must(x509.ParseCertificate(must0(pem.Decode(v["cert_leaf"])).Bytes))
	var chain []*x509.Certificate
	for _, name := range []string{"root", "lower", "intermediate"} {
		chain = append(chain, must(x509.ParseCertificate(must0(pem.Decode(v["cert_"+name])).Bytes)))
	}
	other := must(x509.ParseCertificate(must0(pem.Decode(v["cert_other"])).Bytes))
	for name, encoder := range map[string]*pkcs12.Encoder{"rc2": pkcs12.LegacyRC2, "des": pkcs12.LegacyDES, "modern": pkcs12.Modern2023} {
		v["p12_"+name] = must(encoder.Encode(keys["rsa"], leaf, chain, ""))
		v["p12_"+name+"_pass"] = must(encoder.Encode(keys["rsa"], leaf, chain, "pässword"))
	}
	v["p12_open"] = must(pkcs12.Passwordless.Encode(keys["rsa"], leaf, chain, ""))
	v["p12_disjunct"] = must(pkcs12.Modern2023.Encode(keys["rsa"], leaf, append(chain, other), ""))
	v["p12_trust"] = must(pkcs12.Modern2023.EncodeTrustStore(chain, ""))
	for _, name := range []string{"p256", "p384", "p521", "p224", "ed", "x"} {
		v["p12_"+name] = must(pkcs12.Modern2023.Encode(keys[name], leaf, nil, ""))
	}
	v["p12_10000"] = must(pkcs12.Modern2023.WithIterations(10000).Encode(keys["p256"], leaf, nil, "secret"))
	export := func(arguments ...string) []byte {
		return openssl(v, append([]string{"pkcs12", "-export", "-passout", "pass:secret", "-in", "@chain", "-inkey", "@key_rsa", "-name", "web"}, arguments...)...)
	}
	v["p12_openssl"] = export()
	v["p12_openssl_legacy"] = export("-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-RC2-40")
	v["p12_openssl_rc2_128"] = export("-legacy", "-keypbe", "PBE-SHA1-RC2-128", "-certpbe", "PBE-SHA1-RC2-128", "-macalg", "sha256")
	v["p12_openssl_aes128"] = export("-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC", "-macalg", "sha512")
	v["p12_openssl_aes192"] = export("-keypbe", "AES-192-CBC", "-certpbe", "AES-192-CBC", "-macalg", "sha1")
	v["p12_openssl_camellia"] = export("-keypbe", "CAMELLIA-128-CBC", "-certpbe", "AES-256-CBC")
	v["p12_openssl_sha384"] = export("-macalg", "sha384")
	v["p12_openssl_nomac"] = export("-nomac")
	v["p12_openssl_plain"] = export("-keypbe", "NONE", "-certpbe", "NONE")
	v["p12_openssl_noempty"] = openssl(v, "pkcs12", "-export", "-passout", "pass:", "-in", "@chain", "-inkey", "@key_rsa")
	v["p12_openssl_keyless"] = openssl(v, "pkcs12", "-export", "-passout", "pass:secret", "-in", "@chain", "-nokeys")
	v["p12_cut"] = v["p12_modern"][:len(v["p12_modern"])-1]
	v["p12_trailing"] = append(append([]byte{}, v["p12_modern"]...), 0)
	v["p12_base64"] = []byte(base64.StdEncoding.EncodeToString(v["p12_modern_pass"]))
	for _, name := range []string{"a1", "a2", "a3"} {
		folder := strings.TrimSpace(string(must(exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "software.sslmate.com/src/go-pkcs12").Output())))
		text := string(must(os.ReadFile(filepath.Join(folder, "testdata", "rfc9579-"+name+".txt"))))
		v["p12_rfc9579_"+name] = must(base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")))
	}
}

func must0(block *pem.Block, _ []byte) *pem.Block { return block }

func makeWebKeys(v values, keys map[string]any) {
	write := func(name string, raw any) map[string]any {
		key := must(jwk.FromRaw(raw))
		v["jwk_"+name] = must(json.Marshal(key))
		var fields map[string]any
		if err := json.Unmarshal(v["jwk_"+name], &fields); err != nil {
			panic(err)
		}
		return fields
	}
	vary := func(name string, from map[string]any, change func(map[string]any)) {
		changed := map[string]any{}
		for key, value := range from {
			changed[key] = value
		}
		change(changed)
		v["jwk_"+name] = must(json.Marshal(changed))
	}
	private := write("rsa", keys["rsa"])
	public := write("rsa_public", keys["rsa"].(*rsa.PrivateKey).Public())
	vary("rsa_annotated", private, func(k map[string]any) {
		k["kid"], k["use"], k["alg"], k["key_ops"], k["mine"] = "1", "sig", "RS256", []string{"sign"}, map[string]any{"a": 1}
	})
	vary("rsa_without_crt", private, func(k map[string]any) { delete(k, "dp"); delete(k, "dq"); delete(k, "qi") })
	vary("rsa_without_qi", private, func(k map[string]any) { delete(k, "qi") })
	vary("rsa_d_only", private, func(k map[string]any) {
		for _, name := range []string{"dp", "dq", "qi", "p", "q"} {
			delete(k, name)
		}
	})
	vary("rsa_wrong_dp", private, func(k map[string]any) { k["dp"] = k["dq"] })
	vary("rsa_wrong_n", private, func(k map[string]any) { k["n"] = "AQAB" })
	vary("rsa_without_n", public, func(k map[string]any) { delete(k, "n") })
	vary("rsa_without_e", public, func(k map[string]any) { delete(k, "e") })
	vary("rsa_null_d", public, func(k map[string]any) { k["d"] = nil })
	vary("rsa_bad_base64", public, func(k map[string]any) { k["n"] = "a*b" })
	vary("rsa_number", public, func(k map[string]any) { k["n"] = 5 })
	vary("rsa_padded", public, func(k map[string]any) {
		k["n"] = base64.StdEncoding.EncodeToString(append([]byte{0, 0}, keys["rsa"].(*rsa.PrivateKey).N.Bytes()...))
	})
	vary("rsa_kid_number", public, func(k map[string]any) { k["kid"] = 5 })
	vary("rsa_bad_use", public, func(k map[string]any) { k["use"] = "nothing" })
	vary("rsa_bad_ops", public, func(k map[string]any) { k["key_ops"] = []string{"dance"} })
	vary("rsa_bad_x5c", public, func(k map[string]any) { k["x5c"] = []string{"!"} })
	for _, name := range []string{"p256", "p384", "p521"} {
		fields := write(name, keys[name])
		write(name+"_public", keys[name].(*ecdsa.PrivateKey).Public())
		if name == "p256" {
			vary("p256_off_curve", fields, func(k map[string]any) { k["x"] = k["d"] })
			vary("p256_other_d", fields, func(k map[string]any) { k["d"] = "Bw" })
			vary("p256_unknown_curve", fields, func(k map[string]any) { k["crv"] = "P-999" })
			vary("p256_k1", fields, func(k map[string]any) { k["crv"] = "secp256k1" })
			vary("p256_without_y", fields, func(k map[string]any) { delete(k, "y") })
			vary("p256_zero_d", fields, func(k map[string]any) { k["d"] = "AA" })
		}
	}
	ed := write("ed", keys["ed"])
	write("ed_public", keys["ed"].(ed25519.PrivateKey).Public())
	vary("ed_other_x", ed, func(k map[string]any) { k["x"] = k["d"] })
	vary("ed_short_x", ed, func(k map[string]any) { k["x"] = "AQAB"; delete(k, "d") })
	vary("x", ed, func(k map[string]any) {
		key := keys["x"].(*ecdh.PrivateKey)
		k["crv"], k["d"], k["x"] = "X25519", base64.RawURLEncoding.EncodeToString(key.Bytes()), base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())
	})
	write("oct", []byte("shared"))
	vary("unknown", ed, func(k map[string]any) { k["kty"] = "XYZ" })
	v["jwk_list"], v["jwk_text"], v["jwk_set"] = []byte(`[]`), []byte(`"RSA"`), []byte(`{"keys":[`+string(v["jwk_rsa"])+`]}`)
}

func makeCiphertexts(v values, keys map[string]any) {
	public := &keys["rsa"].(*rsa.PrivateKey).PublicKey
	for name, digest := range map[string]hash.Hash{"sha1": sha1.New(), "sha256": sha256.New(), "sha512": sha512.New()} {
		v["oaep_"+name] = must(rsa.EncryptOAEP(digest, rand.Reader, public, []byte("hidden"), nil))
	}
	v["oaep_labelled"] = must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, []byte("hidden"), []byte("label")))
	v["oaep_empty"] = must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, nil, nil))
	v["oaep_base64"] = []byte(base64.StdEncoding.EncodeToString(v["oaep_sha256"]))
	small := must(x509.ParsePKCS1PrivateKey(must0(pem.Decode(v["key_rsa_1024"])).Bytes))
	v["oaep_1024"] = must(rsa.EncryptOAEP(sha256.New(), rand.Reader, &small.PublicKey, []byte("hidden"), nil))
}

// TestValues makes values.json where there is none: delete it for new keys.
func TestValues(t *testing.T) {
	if _, err := os.Stat("values.json"); err == nil {
		return
	}
	v := values{}
	keys := makeKeys(v)
	makeCertificates(v, keys)
	makeArchives(v, keys)
	makeWebKeys(v, keys)
	makeCiphertexts(v, keys)
	written := map[string]any{}
	for name, value := range v {
		if strings.ToValidUTF8(string(value), "") == string(value) {
			written[name] = string(value)
		} else {
			written[name] = map[string]string{"base64": base64.StdEncoding.EncodeToString(value)}
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(written); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("values.json", out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readValues(t *testing.T) map[string][]byte {
	var written map[string]any
	if err := json.Unmarshal(must(os.ReadFile("values.json")), &written); err != nil {
		t.Fatal(err)
	}
	read := map[string][]byte{}
	for name, value := range written {
		switch value := value.(type) {
		case string:
			read[name] = []byte(value)
		case map[string]any:
			read[name] = must(base64.StdEncoding.DecodeString(value["base64"].(string)))
		}
	}
	return read
}
