package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"time"

	"github.com/bitnami/sealed-secrets/pkg/crypto"
	"k8s.io/client-go/util/keyutil"
)

// Every key has a certificate and both forms of its private half.
var sizes = map[string]int{"2048": 2048, "2048-other": 2048, "3072": 3072, "4096": 4096, "8192": 8192}

var began = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

const century = 100 * 365 * 24 * time.Hour

func makeKeys() {
	must(os.MkdirAll(filepath.Join(root, "keys"), 0o755))
	for name, bits := range sizes {
		if _, err := os.Stat(keyPath(name + ".crt")); err == nil {
			continue
		}
		key := try(rsa.GenerateKey(rand.Reader, bits))
		certificate := try(crypto.SignKeyWithNotBefore(rand.Reader, key, began, century, ""))
		writePEM(name+".pkcs1.pem", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
		writePEM(name+".pkcs8.pem", "PRIVATE KEY", try(x509.MarshalPKCS8PrivateKey(key)))
		writePEM(name+".crt", "CERTIFICATE", certificate.Raw)
	}
}

func keyPath(file string) string { return filepath.Join(root, "keys", file) }

func writePEM(file, kind string, der []byte) {
	must(os.WriteFile(keyPath(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644))
}

func key(file string) *rsa.PrivateKey {
	return try(keyutil.ParsePrivateKeyPEM(try(os.ReadFile(keyPath(file))))).(*rsa.PrivateKey)
}

func ring(files ...string) map[string]*rsa.PrivateKey {
	keys := map[string]*rsa.PrivateKey{}
	for _, file := range files {
		one := key(file)
		keys[try(crypto.PublicKeyFingerprint(&one.PublicKey))] = one
	}
	return keys
}
