// Command generate makes the vectors beside it: sealed by the real kubeseal, judged by the real
// sealed-secrets library. It decides nothing about Seal but the fault code each refusal should have.
//
//	go run . /path/to/kubeseal      (from tests/vectors/generate)
//
// Keys are made once and kept. Ciphertexts are random, so everything else is new at every run.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	ssv1 "github.com/bitnami/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

const root = ".."

// object is one SealedSecret and what upstream's Unseal makes of it.
type object struct {
	About        string            `json:"about"`
	Keys         []string          `json:"keys"`
	AcceptLegacy bool              `json:"acceptLegacy,omitempty"`
	Object       json.RawMessage   `json:"object"`
	Secret       *secret           `json:"secret,omitempty"`
	Faults       map[string]string `json:"faults,omitempty"`
	Upstream     []string          `json:"upstream,omitempty"`
}

type secret struct {
	Type        string            `json:"type,omitempty"`
	Immutable   *bool             `json:"immutable,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Finalizers  []string          `json:"finalizers,omitempty"`
	Data        map[string]value  `json:"data"`
}

// value is a value in base64, or the digest of a large one.
type value struct {
	Base64 *string `json:"base64,omitempty"`
	SHA256 string  `json:"sha256,omitempty"`
	Size   int     `json:"size,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . /path/to/kubeseal")
		os.Exit(2)
	}
	kubeseal = os.Args[1]
	for _, family := range []string{"envelopes", "legacy", "scopes", "templates", "adversarial", "base64", "certificates", "private-keys"} {
		must(os.RemoveAll(filepath.Join(root, family)))
		must(os.MkdirAll(filepath.Join(root, family), 0o755))
	}
	makeKeys()
	writeEnvelopes()
	writeLegacy()
	writeScopes()
	writeTemplates()
	writeAdversarial()
	writeBase64()
	writeCertificates()
	writePrivateKeys()
	if len(mistakes) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(mistakes, "\n"))
		os.Exit(1)
	}
}

var kubeseal string

// mistakes are cases in which upstream does not do what their author thought.
var mistakes []string

// seal runs the real kubeseal.
func seal(key string, input *v1.Secret, arguments ...string) *ssv1.SealedSecret {
	input.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
	text := try(json.Marshal(input))
	arguments = append([]string{"--cert", filepath.Join(root, "keys", key+".crt"), "-n", "prod"}, arguments...)
	command := exec.Command(kubeseal, arguments...)
	command.Stdin = bytes.NewReader(text)
	command.Stderr = os.Stderr
	var sealed ssv1.SealedSecret
	must(json.Unmarshal(try(command.Output()), &sealed))
	return &sealed
}

func plain(name string, data map[string]string) *v1.Secret {
	made := &v1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "prod"}, Data: map[string][]byte{}}
	for entry, value := range data {
		made.Data[entry] = []byte(value)
	}
	return made
}

// judge lets upstream open the object; code is what Seal calls the fault, if upstream finds one.
func judge(about string, keys []string, sealed *ssv1.SealedSecret, legacy bool, faults map[string]string) object {
	ssv1.AcceptDeprecatedV1Data = legacy
	result := object{About: about, Keys: keys, AcceptLegacy: legacy, Object: manifest(sealed)}
	opened, err := sealed.Unseal(scheme.Codecs, ring(keys...))
	if (err != nil) != (faults != nil) {
		mistakes = append(mistakes, fmt.Sprintf("%s: expected faults %v, upstream says %v", about, faults, err))
		return result
	}
	if err != nil {
		result.Faults = faults
		result.Upstream = strings.Split(err.Error(), "\n")
		return result
	}
	data := map[string]value{}
	for entry, bytes := range opened.Data {
		data[entry] = valueOf(bytes)
	}
	result.Secret = &secret{string(opened.Type), opened.Immutable, opened.Labels, opened.Annotations, opened.Finalizers, data}
	return result
}

func manifest(sealed *ssv1.SealedSecret) json.RawMessage {
	sealed.TypeMeta = metav1.TypeMeta{APIVersion: "bitnami.com/v1alpha1", Kind: "SealedSecret"}
	return try(json.Marshal(sealed))
}

func valueOf(bytes []byte) value {
	if len(bytes) <= 4096 {
		text := base64.StdEncoding.EncodeToString(bytes)
		return value{Base64: &text}
	}
	sum := sha256.Sum256(bytes)
	return value{SHA256: hex.EncodeToString(sum[:]), Size: len(bytes)}
}

func write(family, name string, content any) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	must(encoder.Encode(content))
	must(os.WriteFile(filepath.Join(root, family, name+".json"), out.Bytes(), 0o644))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func try[T any](value T, err error) T {
	must(err)
	return value
}
