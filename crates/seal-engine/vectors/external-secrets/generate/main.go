// Writes the vectors beside this folder with the real external-secrets, gjson and cron libraries; it decides
// nothing about Seal. Run it here: go run . && git diff --stat ..
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"time"

	esv1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	ctrlutil "github.com/external-secrets/external-secrets/pkg/controllers/util"
	"github.com/external-secrets/external-secrets/pkg/esutils"
	"github.com/go-logr/logr"
	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// write puts one JSON object on each line.
func write[T any](name string, rows []T) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, row := range rows {
		must(encoder.Encode(row))
	}
	must(os.WriteFile("../"+name+".jsonl", out.Bytes(), 0o644))
}

type hash struct {
	Data        map[string][]byte `json:"data,omitempty"`
	Text        *string           `json:"text,omitempty"`
	Generation  int64             `json:"generation,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Hash        string            `json:"hash"`
}

func hashes() (rows []hash) {
	for _, data := range hashedData {
		rows = append(rows, hash{Data: data, Hash: esutils.ObjectHash(data)})
	}
	for _, text := range hashedTexts {
		rows = append(rows, hash{Text: &text, Hash: esutils.ObjectHash(text)})
	}
	for _, meta := range hashedMetadata {
		rows = append(rows, hash{
			Generation: meta.Generation, Labels: meta.Labels, Annotations: meta.Annotations,
			Hash: ctrlutil.GetResourceVersion(meta),
		})
	}
	return rows
}

type duration struct {
	In          string `json:"in"`
	Nanoseconds *int64 `json:"nanoseconds"`
}

func durations() (rows []duration) {
	for _, in := range durationInputs {
		row := duration{In: in}
		if parsed, err := time.ParseDuration(in); err == nil {
			nanoseconds := parsed.Nanoseconds()
			row.Nanoseconds = &nanoseconds
		}
		rows = append(rows, row)
	}
	return rows
}

type schedule struct {
	In   string   `json:"in"`
	From string   `json:"from"`
	Next []string `json:"next"` // null where it is refused
}

func schedules() (rows []schedule) {
	for _, in := range scheduleInputs {
		for _, from := range scheduleTimes {
			row := schedule{In: in, From: from}
			at, err := time.Parse(time.RFC3339Nano, from)
			must(err)
			if parsed, err := cron.ParseStandard(in); err == nil {
				row.Next = []string{}
				for range 3 {
					at = parsed.Next(at)
					if at.IsZero() {
						break
					}
					row.Next = append(row.Next, at.UTC().Format(time.RFC3339Nano))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

type conversion struct {
	Strategy string            `json:"strategy"`
	In       []string          `json:"in"`
	Out      map[string]string `json:"out"` // null where two names become one
	Valid    bool              `json:"valid"`
	Dropped  bool              `json:"dropped,omitempty"`
}

func conversions() (rows []conversion) {
	for _, strategy := range []esv1.ExternalSecretConversionStrategy{"Default", "Unicode"} {
		for _, in := range nameInputs {
			row := conversion{Strategy: string(strategy), In: in}
			values := map[string][]byte{}
			for _, name := range in {
				values[name] = []byte(name)
			}
			if converted, err := esutils.ConvertKeys(strategy, values); err == nil {
				row.Out = map[string]string{}
				for name, value := range converted {
					row.Out[name] = string(value)
				}
			}
			row.Valid = esutils.ValidateKeys(logr.Discard(), values) == nil
			row.Dropped = len(values) < len(in)
			rows = append(rows, row)
		}
	}
	return rows
}

type decoding struct {
	Strategy string `json:"strategy"`
	In       []byte `json:"in"`
	Out      []byte `json:"out"`
	Fails    bool   `json:"fails,omitempty"`
}

func decodings() (rows []decoding) {
	for _, strategy := range []esv1.ExternalSecretDecodingStrategy{"None", "Base64", "Base64URL", "Auto"} {
		for _, in := range encodedInputs {
			row := decoding{Strategy: string(strategy), In: []byte(in)}
			out, err := esutils.Decode(strategy, []byte(in))
			row.Out, row.Fails = out, err != nil
			rows = append(rows, row)
		}
	}
	return rows
}

type rewriting struct {
	Rewrite json.RawMessage   `json:"rewrite"`
	In      map[string]string `json:"in"`
	Out     map[string]string `json:"out"` // null where it is refused
}

func rewritings() (rows []rewriting) {
	for _, input := range rewriteInputs {
		row := rewriting{Rewrite: json.RawMessage(input.rewrite), In: input.in}
		var operations []esv1.ExternalSecretRewrite
		must(json.Unmarshal(row.Rewrite, &operations))
		values := map[string][]byte{}
		for name, value := range input.in {
			values[name] = []byte(value)
		}
		if out, err := esutils.RewriteMap(operations, values); err == nil {
			row.Out = map[string]string{}
			for name, value := range out {
				row.Out[name] = string(value)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func meta(generation int64, labels, annotations map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Generation: generation, Labels: labels, Annotations: annotations}
}

func main() {
	write("hashes", hashes())
	write("durations", durations())
	write("schedules", schedules())
	write("conversions", conversions())
	write("decodings", decodings())
	write("rewrites", rewritings())
	write("properties", properties())
	write("extracts", extracts())
	write("paths", paths())
}
