package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	ssv1 "github.com/bitnami/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/bitnami/sealed-secrets/pkg/crypto"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

var small = map[string]string{"foo": "bar", "empty": "", "bytes": "\x00\xff\xfe\r\n", "text": "schlüssel \"'<&>\n"}

const (
	managed       = "sealedsecrets.bitnami.com/managed"
	clusterWide   = "sealedsecrets.bitnami.com/cluster-wide"
	namespaceWide = "sealedsecrets.bitnami.com/namespace-wide"
)

func writeEnvelopes() {
	for _, size := range []string{"2048", "3072", "4096", "8192"} {
		for _, scope := range []string{"strict", "namespace-wide", "cluster-wide"} {
			for _, form := range []string{"pkcs1", "pkcs8"} {
				sealed := seal(size, plain("mysecret", small), "--scope", scope)
				about := fmt.Sprintf("kubeseal, %s bits, %s, private key in %s", size, scope, form)
				write("envelopes", fmt.Sprintf("%s-%s-%s", size, scope, form), judge(about, []string{size + "." + form + ".pem"}, sealed, false, nil))
			}
		}
	}

	large := plain("large", map[string]string{"large": strings.Repeat("0123456", 100_000)})
	write("envelopes", "700-kB", judge("a value of 700 kB", []string{"4096.pkcs1.pem"}, seal("4096", large), false, nil))

	yes := true
	rich := plain("rich", map[string]string{"foo": "bar"})
	rich.StringData = map[string]string{"zed": "baa", "foo": "wins"}
	rich.Type, rich.Immutable = "kubernetes.io/dockerconfigjson", &yes
	rich.Labels = map[string]string{"z": "1", "a": "2"}
	rich.Annotations = map[string]string{"keep": "me", managed: "true", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
	rich.Finalizers, rich.UID, rich.ResourceVersion = []string{"a/b"}, "u", "1"
	rich.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "p", UID: "u"}}
	sealed := seal("2048", rich)
	sealed.Spec.Template.UID, sealed.Spec.Template.ResourceVersion = "", ""
	write("envelopes", "type-labels-immutable", judge("type, immutable, labels, annotations and finalizers travel; stringData wins (cases 9, 20, 22)", []string{"2048.pkcs8.pem"}, sealed, false, nil))

	mixed := seal("2048", plain("mixed", map[string]string{"oldest": "1"}))
	for entry, size := range map[string]string{"middle": "2048-other", "newest": "4096"} {
		mixed.Spec.EncryptedData[entry] = seal(size, plain("mixed", map[string]string{entry: size})).Spec.EncryptedData[entry]
	}
	keys := []string{"2048.pkcs1.pem", "2048-other.pkcs8.pem", "4096.pkcs1.pem"}
	write("envelopes", "three-keys", judge("one object, its entries under three keys (cases 7, 8)", keys, mixed, false, nil))

	renamed := seal("2048", plain("mysecret", map[string]string{"foo": "bar"}))
	renamed.Spec.EncryptedData = map[string]string{"other": renamed.Spec.EncryptedData["foo"]}
	write("envelopes", "renamed-entry", judge("an entry's name is not sealed (case 6)", []string{"2048.pkcs1.pem"}, renamed, false, nil))
}

func writeLegacy() {
	inner := func(edit func(*v1.Secret)) *ssv1.SealedSecret {
		made := plain("legacy", small)
		made.Type = "kubernetes.io/basic-auth"
		made.Labels, made.Finalizers = map[string]string{"l": "1"}, []string{"a/b"}
		made.Annotations = map[string]string{"keep": "me"}
		edit(made)
		sealed := try(ssv1.NewSealedSecretV1(scheme.Codecs, &key("2048.pkcs1.pem").PublicKey, made))
		sealed.Spec.EncryptedData = map[string]string{}
		return sealed
	}
	keys := []string{"2048.pkcs1.pem"}
	for name, annotation := range map[string]string{"strict": "", "namespace-wide": namespaceWide, "cluster-wide": clusterWide} {
		sealed := inner(func(made *v1.Secret) {
			if annotation != "" {
				made.Annotations[annotation] = "true"
			}
		})
		write("legacy", name, judge("the v1 blob, "+name, keys, sealed, true, nil))
	}
	nothing := func(*v1.Secret) {}
	templated := inner(nothing)
	templated.Spec.Template.Type = "ignored"
	templated.Spec.Template.Data = texts(map[string]string{"ignored": "{{ .foo }}"})
	write("legacy", "template-ignored", judge("the template of a v1 blob is ignored", keys, templated, true, nil))

	write("legacy", "switched-off", judge("the v1 blob where it is switched off (case 14)", keys, inner(nothing), false, map[string]string{"": "legacy-disabled"}))
	both := inner(nothing)
	both.Spec.EncryptedData = map[string]string{"foo": "AgA="}
	write("legacy", "both-fields", judge("both fields (case 14)", keys, both, true, map[string]string{"": "legacy-and-items"}))
	off := inner(nothing)
	off.Spec.EncryptedData = map[string]string{"foo": "AgA="}
	write("legacy", "both-fields-switched-off", judge("both fields, switched off", keys, off, false, map[string]string{"": "legacy-disabled"}))
	renamed := inner(nothing)
	renamed.Name = "renamed"
	write("legacy", "renamed", judge("the v1 blob under another name", keys, renamed, true, map[string]string{"": "another-key-or-name"}))
	for name, text := range map[string]string{"not-json": "{", "a-list": "[]", "bad-base64": `{"kind":"Secret","apiVersion":"v1","data":{"a":"!"}}`} {
		sealed := inner(nothing)
		sealed.Spec.Data = try(crypto.HybridEncrypt(rand.Reader, &key("2048.pkcs1.pem").PublicKey, []byte(text), []byte("prod/legacy")))
		write("legacy", "holds-"+name, judge("the v1 blob opens and holds no Secret", keys, sealed, true, map[string]string{"": "legacy-malformed"}))
	}
}

// writeScopes: cases 1 to 5, every way of sealing against every way of stating the scope and moving the object.
func writeScopes() {
	type move struct {
		name            string
		object          string
		namespace       string
		annotations     map[string]string
		opensStrict     bool
		opensNamespace  bool
		opensEverywhere bool
	}
	mark := func(pairs ...string) map[string]string {
		marks := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			marks[pairs[i]] = pairs[i+1]
		}
		return marks
	}
	moves := []move{
		{"home", "app", "prod", nil, true, false, false},
		{"renamed", "app2", "prod", nil, false, false, false},
		{"moved", "app", "staging", nil, false, false, false},
		{"namespace-true", "app", "prod", mark(namespaceWide, "true"), false, true, false},
		{"namespace-true-renamed", "app2", "prod", mark(namespaceWide, "true"), false, true, false},
		{"namespace-true-moved", "app", "staging", mark(namespaceWide, "true"), false, false, false},
		{"cluster-true", "app", "prod", mark(clusterWide, "true"), false, false, true},
		{"cluster-true-moved-renamed", "app2", "staging", mark(clusterWide, "true"), false, false, true},
		{"both-true", "app", "prod", mark(clusterWide, "true", namespaceWide, "true"), false, false, true},
		{"cluster-false-namespace-true", "app", "prod", mark(clusterWide, "false", namespaceWide, "true"), false, true, false},
	}
	for index, other := range []string{"false", "TRUE", "True", "1", "", " true", "yes"} {
		moves = append(moves, move{fmt.Sprintf("cluster-other-%d", index), "app", "prod", mark(clusterWide, other), true, false, false})
		moves = append(moves, move{fmt.Sprintf("namespace-other-%d", index), "app", "prod", mark(namespaceWide, other), true, false, false})
	}
	for _, scope := range []string{"strict", "namespace-wide", "cluster-wide"} {
		sealed := seal("2048", plain("app", map[string]string{"foo": "bar"}), "--scope", scope)
		var cases []object
		for _, to := range moves {
			moved := sealed.DeepCopy()
			moved.Name, moved.Namespace, moved.Annotations = to.object, to.namespace, to.annotations
			moved.Spec.Template = ssv1.SecretTemplateSpec{}
			opens := map[string]bool{"strict": to.opensStrict, "namespace-wide": to.opensNamespace, "cluster-wide": to.opensEverywhere}[scope]
			var faults map[string]string
			if !opens {
				faults = map[string]string{"foo": "another-key-or-name"}
			}
			cases = append(cases, judge("sealed "+scope+", then "+to.name, []string{"2048.pkcs1.pem"}, moved, false, faults))
		}
		write("scopes", scope, cases)
	}
}

func texts(templates map[string]string) map[string]*string {
	all := map[string]*string{}
	for entry, text := range templates {
		all[entry] = &text
	}
	return all
}

func encode(bytes []byte) string { return base64.StdEncoding.EncodeToString(bytes) }
