{{- /* What is refused while nothing has been altered yet. */ -}}

{{- /* Settings that cannot be meant. */ -}}
{{- define "seal.check" -}}
{{- if not (hasKey .Values "leaderElection") -}}
{{- fail "these are the values of another chart; upgrade with --reset-then-reuse-values instead of --reuse-values" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) -}}
{{- fail "several replicas without leader election would undo each other's work; set replicas to 1 or leaderElection.enabled to true" -}}
{{- end -}}
{{- end -}}

{{- /* A standing release that this one would break half-way, or whose CRD would go with all objects. */ -}}
{{- define "seal.checkStanding" -}}
{{- $name := include "seal.fullname" . -}}
{{- with lookup "apps/v1" "Deployment" (include "seal.namespace" .) $name -}}
{{- /* A Deployment's selector cannot change, and its Service's would before that is found out. */ -}}
{{- $labels := .spec.selector.matchLabels -}}
{{- if ne (toJson $labels) (include "seal.selector" $ | fromYaml | toJson) -}}
{{- $mended := dict "app.kubernetes.io/name" (get $labels "app.kubernetes.io/name") "app.kubernetes.io/instance" $.Release.Name -}}
{{- $what := printf "the Deployment %s selects other pods" $name -}}
{{- $delete := printf "delete it first (keys, objects and Secrets stay): kubectl delete deployment %s -n %s" $name (include "seal.namespace" $) -}}
{{- if eq (toJson $labels) (toJson $mended) -}}
{{- fail (printf "%s: upgrade with --set nameOverride=%s, or %s" $what (get $labels "app.kubernetes.io/name") $delete) -}}
{{- end -}}
{{- fail (printf "%s, and is not of the release %s: take another name with fullnameOverride, or %s" $what $.Release.Name $delete) -}}
{{- end -}}
{{- if not (hasPrefix (printf "%s-" $.Chart.Name) (dig "metadata" "labels" "helm.sh/chart" "" .)) -}}
{{- include "seal.checkOwnedCrds" $ -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Charts before 2.0 had the CRD among their objects; what a release no longer has, Helm deletes. */ -}}
{{- define "seal.checkOwnedCrds" -}}
{{- range $file, $_ := .Files.Glob "crds/*.yaml" -}}
{{- $crd := $.Files.Get $file | fromYaml -}}
{{- $marks := dig "metadata" "annotations" dict (lookup $crd.apiVersion $crd.kind "" $crd.metadata.name) -}}
{{- if and (eq (get $marks "meta.helm.sh/release-name") $.Release.Name) (ne (get $marks "helm.sh/resource-policy") "keep") -}}
{{- fail (printf "this release owns the CRD %[1]s, and would delete it with all its objects: kubectl annotate crd %[1]s helm.sh/resource-policy=keep" $crd.metadata.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
