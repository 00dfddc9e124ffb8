package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sort"

	seals "github.com/bitnami/sealed-secrets/pkg/crypto"
)

// blob is one sealed value and upstream's verdict on it.
type blob struct {
	About string  `json:"about"`
	Blob  string  `json:"blob"`
	Opens *string `json:"opens,omitempty"`
	Fault string  `json:"fault,omitempty"`
}

type blobs struct {
	About string   `json:"about"`
	Keys  []string `json:"keys"`
	Cases []blob   `json:"cases"`
}

const label = "prod/app"

func writeAdversarial() {
	two, four := []string{"2048.pkcs1.pem"}, []string{"4096.pkcs1.pem"}
	base := sealed(two[0], "bar")

	var cut []blob
	for length := range len(base) {
		cut = append(cut, verdict(two, fmt.Sprintf("the first %d of %d bytes", length, len(base)), base[:length]))
	}
	cut = append(cut, verdict(two, "all of it", base), verdict(two, "a byte more", append(clone(base), 0)))
	write("adversarial", "truncated", blobs{"cut after every byte", two, cut})

	var flips []blob
	for bit := range 16 {
		flips = append(flips, flip(two, base, bit))
	}
	for at := 2; at < 2+256; at += 5 {
		flips = append(flips, flip(two, base, at*8+at%8))
	}
	for at := 2 + 256; at < len(base); at++ {
		flips = append(flips, flip(two, base, at*8+at%8))
	}
	write("adversarial", "flipped", blobs{"one bit, in every region", two, flips})

	var lengths []blob
	for _, length := range []int{0, 1, 255, 256, 384, 509, 510, 511, 512, 513, 514, 520, 528, 529, 1024, 2048, 32768, 65535} {
		changed := sealed(four[0], "0123456789abcdef")
		binary.BigEndian.PutUint16(changed, uint16(length))
		lengths = append(lengths, verdict(four, fmt.Sprintf("a length prefix of %d over 512 bytes", length), changed))
	}
	write("adversarial", "length-prefix", blobs{"length prefixes that lie", four, lengths})

	var sessions []blob
	for _, length := range []int{0, 1, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 64} {
		session := make([]byte, length)
		try(rand.Read(session))
		payload := make([]byte, 3+16)
		if block, err := aes.NewCipher(session); err == nil {
			payload = try(cipher.NewGCM(block)).Seal(nil, make([]byte, 12), []byte("bar"), nil)
		}
		wrapped := try(rsa.EncryptOAEP(sha256.New(), rand.Reader, public(two[0]), session, []byte(label)))
		sessions = append(sessions, verdict(two, fmt.Sprintf("a session key of %d bytes", length), join(wrapped, payload)))
	}
	write("adversarial", "session-key", blobs{"session keys of every length: AES takes three", two, sessions})

	write("adversarial", "padding", blobs{"other paddings, hashes, labels, nonces", two, paddings(two)})
	write("adversarial", "leading-zeros", blobs{"an RSA ciphertext is a number: zeros stripped are accepted, zeros added are not", two, zeros(two)})
	write("adversarial", "other-key", blobs{"sealed to keys that are not there", two, []blob{
		verdict(two, "another key of the same size", sealed("2048-other.pkcs1.pem", "bar")),
		verdict(two, "a larger key", sealed("4096.pkcs1.pem", "bar")),
		verdict(two, "a key of 8192 bits", sealed("8192.pkcs1.pem", "bar")),
	}})
	small := sealed(two[0], "bar")
	write("adversarial", "larger-ring", blobs{"sealed to a key smaller than all that are there", four, []blob{verdict(four, "2048 bits", small)}})
}

func paddings(keys []string) []blob {
	key := public(keys[0])
	session := make([]byte, 32)
	try(rand.Read(session))
	gcm := try(cipher.NewGCM(try(aes.NewCipher(session))))
	payload := gcm.Seal(nil, make([]byte, 12), []byte("bar"), nil)
	oaep := func(hash, mgf crypto.Hash, label string) []byte {
		options := &rsa.OAEPOptions{Hash: hash, MGFHash: mgf, Label: []byte(label)}
		return try(rsa.EncryptOAEPWithOptions(rand.Reader, key, session, options))
	}
	good := oaep(crypto.SHA256, crypto.SHA256, label)
	nonce := make([]byte, 12)
	nonce[11] = 1
	number := new(rsaNumber).of(key)
	return []blob{
		verdict(keys, "OAEP with SHA-256 for both", join(good, payload)),
		verdict(keys, "MGF1 with SHA-1", join(oaep(crypto.SHA256, crypto.SHA1, label), payload)),
		verdict(keys, "SHA-1 for both", join(oaep(crypto.SHA1, crypto.SHA1, label), payload)),
		verdict(keys, "SHA-512 for both", join(oaep(crypto.SHA512, crypto.SHA512, label), payload)),
		verdict(keys, "PKCS#1 v1.5", join(try(rsa.EncryptPKCS1v15(rand.Reader, key, session)), payload)),
		verdict(keys, "no label", join(oaep(crypto.SHA256, crypto.SHA256, ""), payload)),
		verdict(keys, "the namespace as label", join(oaep(crypto.SHA256, crypto.SHA256, "prod"), payload)),
		verdict(keys, "a label with a zero byte", join(oaep(crypto.SHA256, crypto.SHA256, label+"\x00"), payload)),
		verdict(keys, "another nonce", join(good, gcm.Seal(nil, nonce, []byte("bar"), nil))),
		verdict(keys, "additional data", join(good, gcm.Seal(nil, make([]byte, 12), []byte("bar"), []byte(label)))),
		verdict(keys, "a payload of another value", join(good, sealed(keys[0], "bar")[2+256:])),
		verdict(keys, "no payload at all", join(good, nil)),
		verdict(keys, "the RSA number zero", join(make([]byte, 256), payload)),
		verdict(keys, "the RSA number one", join(number.one, payload)),
		verdict(keys, "the modulus", join(number.modulus, payload)),
		verdict(keys, "the modulus less one", join(number.below, payload)),
		verdict(keys, "the largest number", join(number.largest, payload)),
	}
}

// rsaNumber are numbers as long as a key's modulus.
type rsaNumber struct{ one, modulus, below, largest []byte }

func (numbers *rsaNumber) of(key *rsa.PublicKey) *rsaNumber {
	size := key.Size()
	numbers.one = make([]byte, size)
	numbers.one[size-1] = 1
	numbers.modulus = key.N.FillBytes(make([]byte, size))
	numbers.below = clone(numbers.modulus)
	numbers.below[size-1]-- // odd, so it is not zero
	numbers.largest = make([]byte, size)
	for at := range numbers.largest {
		numbers.largest[at] = 0xff
	}
	return numbers
}

func zeros(keys []string) []blob {
	var cases []blob
	for count := 1; count <= 2; count++ {
		for {
			value := sealed(keys[0], "bar")
			wrapped, payload := value[2:2+256], value[2+256:]
			if count > 0 && (wrapped[0] != 0 || wrapped[count-1] != 0) {
				continue
			}
			for stripped := 1; stripped <= count; stripped++ {
				cases = append(cases, verdict(keys, fmt.Sprintf("%d of %d leading zeros stripped", stripped, count), join(wrapped[stripped:], payload)))
			}
			cases = append(cases, verdict(keys, fmt.Sprintf("%d leading zeros kept", count), value))
			cases = append(cases, verdict(keys, fmt.Sprintf("a zero added to %d", count), join(append([]byte{0}, wrapped...), payload)))
			break
		}
	}
	value := sealed(keys[0], "bar")
	for value[2] == 0 {
		value = sealed(keys[0], "bar")
	}
	cases = append(cases, verdict(keys, "a byte that is no zero stripped", join(value[3:2+256], value[2+256:])))
	return append(cases, verdict(keys, "a zero added to none", join(append([]byte{0}, value[2:2+256]...), value[2+256:])))
}

func sealed(key, plaintext string) []byte {
	return try(seals.HybridEncrypt(rand.Reader, public(key), []byte(plaintext), []byte(label)))
}

func public(file string) *rsa.PublicKey { return &key(file).PublicKey }

func flip(keys []string, base []byte, bit int) blob {
	changed := clone(base)
	changed[bit/8] ^= 1 << (bit % 8)
	return verdict(keys, fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), changed)
}

func verdict(keys []string, about string, value []byte) blob {
	result := blob{About: about, Blob: encode(value)}
	if opened, err := seals.HybridDecrypt(rand.Reader, ring(keys...), value, []byte(label)); err == nil {
		text := encode(opened)
		result.Opens = &text
		return result
	}
	result.Fault = fault(keys, value)
	return result
}

// fault is what Seal should call a refusal: layout first, then what a key of that size makes of it.
func fault(keys []string, value []byte) string {
	const tag, largestKey = 16, 16384 / 8
	if len(value) < 2 {
		return "truncated"
	}
	length := int(binary.BigEndian.Uint16(value))
	needed := 2 + length + tag
	switch {
	case length == 0:
		return "malformed"
	case len(value) < needed && needed < largestKey+64:
		return "truncated"
	case len(value) < needed:
		return "malformed"
	}
	for _, one := range ring(keys...) {
		short := one.Size() - length
		if short < 0 || short > 4 {
			continue
		}
		if _, err := rsa.DecryptOAEP(sha256.New(), nil, one, value[2:2+length], []byte(label)); err == nil {
			return "tampered"
		}
		return "another-key-or-name"
	}
	bits := length * 8
	if bits < 1024 || bits > 16384 || bits%64 != 0 {
		return "malformed"
	}
	return "no-key-of-this-size"
}

func join(wrapped, payload []byte) []byte {
	return append(append(binary.BigEndian.AppendUint16(nil, uint16(len(wrapped))), wrapped...), payload...)
}

func clone(bytes []byte) []byte { return append([]byte(nil), bytes...) }

func sorted(texts map[string]string) []string {
	var names []string
	for name := range texts {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
