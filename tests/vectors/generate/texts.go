package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"time"

	"github.com/bitnami/sealed-secrets/pkg/crypto"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

type decoded struct {
	Text   string  `json:"text"`
	Hex    *string `json:"hex,omitempty"`
	Offset *int64  `json:"offset,omitempty"`
}

func writeBase64() {
	decode := func(text string) decoded {
		bytes, err := base64.StdEncoding.DecodeString(text)
		if corrupt, is := err.(base64.CorruptInputError); is {
			offset := int64(corrupt)
			return decoded{Text: text, Offset: &offset}
		}
		text16 := hex.EncodeToString(bytes)
		return decoded{Text: text, Hex: &text16}
	}
	var all []decoded
	alphabet := []string{"Y", "F", "=", "\n", "-"}
	texts := []string{""}
	for length := 0; length < 5; length++ {
		var longer []string
		for _, text := range texts {
			all = append(all, decode(text))
			for _, letter := range alphabet {
				longer = append(longer, text+letter)
			}
		}
		texts = longer
	}
	for _, text := range []string{
		"YmFy", "Ym\r\nFy\n", "\nYmFy", "Ym Fy", "Ym\tFy", "YmFy ", " YmFy", "YmE=", "YmF=", "YmE", "YmE==", "Yg==", "Yh==", "Yg=", "Yg",
		"YmE=\n", "YmE\n=", "Yg=\n=", "Yg\n==", "YmE=YQ==", "YmE=\nYQ==", "-_-_", "+/+/", "YmFyYmFy", "YmFyYmF", "YmFyYm", "YmFyY",
		"YmFyYmFyYmFyYmFy", "YmFyYmFyYmFyYmF!", "YmFyYmFyYmFy!mFy", "YmFyYmFy\r\nYmFy!mFy", "Ym=y", "Y=Fy", "=mFy", "====", "YmF\x00", "Ymé=", "YmFy\v", "YmFy\f", "\r", "\r\r\r\r", "Y\rm\rF\ry",
	} {
		all = append(all, decode(text))
	}
	write("base64", "texts", all)
}

// pemCase is PEM text, and the fingerprint that upstream sees in it or why it sees none.
type pemCase struct {
	About       string `json:"about"`
	PEM         string `json:"pem"`
	Fingerprint string `json:"fingerprint,omitempty"`
	NotBefore   int64  `json:"notBefore,omitempty"`
	NotAfter    int64  `json:"notAfter,omitempty"`
	Upstream    string `json:"upstream,omitempty"`
	// Where Seal departs on purpose: what it says instead, or that it takes a key which upstream refuses.
	Seal      string `json:"seal,omitempty"`
	SealTakes bool   `json:"sealTakes,omitempty"`
}

func writeCertificates() {
	two := key("2048.pkcs1.pem")
	signed := func(key *rsa.PrivateKey, begin time.Time, validFor time.Duration, name string) string {
		return block("CERTIFICATE", try(crypto.SignKeyWithNotBefore(rand.Reader, key, begin, validFor, name)).Raw)
	}
	ours := string(try(os.ReadFile(keyPath("2048.crt"))))
	other := string(try(os.ReadFile(keyPath("2048-other.crt"))))
	curve := try(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	simple := func(public, private any) string {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: began, NotAfter: began.Add(century), Subject: pkix.Name{CommonName: "x"}}
		return block("CERTIFICATE", try(x509.CreateCertificate(rand.Reader, template, template, public, private)))
	}
	small := try(rsa.GenerateKey(rand.Reader, 1024))
	body := strings.Split(ours, "\n")[1:3]
	malformed := block("CERTIFICATE", []byte("no certificate"))
	inputs := []pemCase{
		{About: "upstream's own, ten years", PEM: signed(two, began, 10*365*24*time.Hour, "")},
		{About: "with a common name", PEM: signed(two, began, century, "Sealing Key ü")},
		{About: "expired: read, and refused by who seals", PEM: signed(two, began, time.Hour, "")},
		{About: "not yet valid", PEM: signed(two, began.Add(century), time.Hour, "")},
		{About: "4096 bits", PEM: string(try(os.ReadFile(keyPath("4096.crt"))))},
		{About: "8192 bits", PEM: string(try(os.ReadFile(keyPath("8192.crt"))))},
		{About: "several: the first decides", PEM: ours + other},
		{About: "several, the other way round", PEM: other + ours},
		{About: "behind its private key", PEM: string(try(os.ReadFile(keyPath("2048.pkcs1.pem")))) + ours},
		{About: "behind text", PEM: "Bag Attributes\n    friendlyName: x\n" + ours},
		{About: "lines end in CR LF", PEM: strings.ReplaceAll(ours, "\n", "\r\n")},
		{About: "without a last line break", PEM: strings.TrimRight(ours, "\n")},
		{About: "blanks at the ends of lines", PEM: strings.ReplaceAll(ours, "\n", " \n")},
		{About: "on one long line", PEM: oneLine(ours)},
		{About: "behind a broken block", PEM: "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n" + ours},
		{About: "behind a block without end", PEM: "-----BEGIN CERTIFICATE-----\n" + ours},
		{About: "behind a block whose end has another name", PEM: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END RSA KEY-----\n" + ours},
		{About: "with headers: not a certificate for upstream", PEM: strings.Replace(ours, "-----\n", "-----\nName: value\n\n", 1)},
		{About: "with headers, before one without", PEM: strings.Replace(other, "-----\n", "-----\nName: value\n\n", 1) + ours},
		{About: "before one that is malformed", PEM: ours + malformed, SealTakes: true},
		{About: "elliptic curve", PEM: simple(&curve.PublicKey, curve)},
		{About: "Ed25519", PEM: simple(edwards.Public(), edwards)},
		{About: "elliptic curve first, RSA second", PEM: simple(&curve.PublicKey, curve) + ours},
		{About: "1024 bits: aws-lc does not take it", PEM: simple(&small.PublicKey, small), Seal: "an RSA key of 1024 bits is not supported: 2048 to 8192 bits are"},
		{About: "not a certificate inside", PEM: malformed},
		{About: "a certificate that is cut", PEM: "-----BEGIN CERTIFICATE-----\n" + strings.Join(body, "\n") + "\n-----END CERTIFICATE-----\n"},
		{About: "a public key", PEM: block("PUBLIC KEY", try(x509.MarshalPKIXPublicKey(&two.PublicKey)))},
		{About: "a private key", PEM: string(try(os.ReadFile(keyPath("2048.pkcs8.pem"))))},
		{About: "TRUSTED CERTIFICATE", PEM: strings.ReplaceAll(ours, "CERTIFICATE", "TRUSTED CERTIFICATE")},
		{About: "nothing", PEM: ""},
		{About: "text", PEM: "404 page not found\n"},
		{About: "base64 without lines around it", PEM: encode([]byte("x"))},
		{About: "white space", PEM: " \n\t\r\n"},
	}
	for index := range inputs {
		one := &inputs[index]
		certificates, err := cert.ParseCertsPEM([]byte(one.PEM))
		// kubeseal and the controller stop at any fault, also behind the first certificate.
		if err != nil {
			one.Upstream = err.Error()
			continue
		}
		public, isRSA := certificates[0].PublicKey.(*rsa.PublicKey)
		if !isRSA {
			one.Upstream = "expected RSA public key but found " + fmt.Sprintf("%T", certificates[0].PublicKey)
			continue
		}
		one.Fingerprint = try(crypto.PublicKeyFingerprint(public))
		one.NotBefore, one.NotAfter = certificates[0].NotBefore.Unix(), certificates[0].NotAfter.Unix()
	}
	write("certificates", "texts", inputs)
}

func writePrivateKeys() {
	read := func(file string) string { return string(try(os.ReadFile(keyPath(file)))) }
	curve := try(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	small := try(rsa.GenerateKey(rand.Reader, 1024))
	ecdsaKey := block("EC PRIVATE KEY", try(x509.MarshalECPrivateKey(curve)))
	one, eight, other := read("2048.pkcs1.pem"), read("2048.pkcs8.pem"), read("2048-other.pkcs1.pem")
	//nolint:staticcheck // what old tools wrote
	encrypted := try(x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key("2048.pkcs1.pem")), []byte("p"), x509.PEMCipherAES256))
	broken := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key("2048.pkcs1.pem"))[:200])
	const refused = "the private key is not an RSA key of 2048 to 8192 bits, or is damaged"
	inputs := []pemCase{
		{About: "PKCS#1", PEM: one},
		{About: "PKCS#8", PEM: eight},
		{About: "3072 bits, PKCS#8", PEM: read("3072.pkcs8.pem")},
		{About: "4096 bits", PEM: read("4096.pkcs1.pem")},
		{About: "8192 bits", PEM: read("8192.pkcs1.pem")},
		{About: "several: the first decides", PEM: other + one},
		{About: "behind its certificate", PEM: read("2048.crt") + one},
		{About: "behind text, lines end in CR LF", PEM: "a key\r\n" + strings.ReplaceAll(one, "\n", "\r\n")},
		{About: "on one long line", PEM: oneLine(one)},
		{About: "without a last line break", PEM: strings.TrimRight(eight, "\n")},
		{About: "PKCS#8 labelled as PKCS#1: upstream reads no further", PEM: strings.ReplaceAll(eight, " PRIVATE KEY", " RSA PRIVATE KEY")},
		{About: "behind EC parameters", PEM: block("EC PARAMETERS", []byte{6, 1, 1}) + one},
		{About: "behind a broken one", PEM: broken + one},
		{About: "behind a block without end", PEM: "-----BEGIN RSA PRIVATE KEY-----\n" + one},
		{About: "elliptic curve", PEM: ecdsaKey},
		{About: "elliptic curve first, RSA second", PEM: ecdsaKey + one, SealTakes: true},
		{About: "elliptic curve in PKCS#8", PEM: block("PRIVATE KEY", try(x509.MarshalPKCS8PrivateKey(curve)))},
		{About: "1024 bits: aws-lc does not take it", PEM: block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)), Seal: refused},
		{About: "encrypted as OpenSSL used to", PEM: string(pem.EncodeToMemory(encrypted))},
		{About: "ENCRYPTED PRIVATE KEY", PEM: strings.ReplaceAll(eight, " PRIVATE KEY", " ENCRYPTED PRIVATE KEY")},
		{About: "damaged", PEM: broken},
		{About: "a certificate", PEM: read("2048.crt")},
		{About: "nothing", PEM: ""},
		{About: "text", PEM: "hunter2\n"},
	}
	for index := range inputs {
		one := &inputs[index]
		parsed, err := keyutil.ParsePrivateKeyPEM([]byte(one.PEM))
		if err != nil {
			one.Upstream = err.Error()
			continue
		}
		private, isRSA := parsed.(*rsa.PrivateKey)
		if !isRSA {
			one.Upstream = "private key is not an RSA key"
			continue
		}
		one.Fingerprint = try(crypto.PublicKeyFingerprint(&private.PublicKey))
	}
	write("private-keys", "texts", inputs)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func oneLine(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	last := len(lines) - 1
	return lines[0] + "\n" + strings.Join(lines[1:last], "") + "\n" + lines[last] + "\n"
}
