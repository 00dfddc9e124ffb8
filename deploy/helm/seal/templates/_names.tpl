{{- /* What things are called, and what is said about each of them. */ -}}

{{- define "seal.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* Every object has it, so nothing is rendered from settings that cannot be meant. */ -}}
{{- define "seal.fullname" -}}
{{- include "seal.check" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "seal.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "seal.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "seal.namespace" -}}
{{- default .Release.Namespace .Values.namespace -}}
{{- end -}}

{{- define "seal.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "seal.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "seal.leaseName" -}}
{{- default "seal-controller" .Values.leaderElection.resourceName -}}
{{- end -}}

{{- /* Not empty where ClusterExternalSecrets are taken care of; as the external-secrets chart has it where it is said there. */ -}}
{{- define "seal.clusterExternalSecrets" -}}
{{- with .Values.externalSecrets -}}
{{- ternary .processClusterExternalSecret .clusterExternalSecrets (kindIs "bool" .processClusterExternalSecret) | ternary "yes" "" -}}
{{- end -}}
{{- end -}}

{{- /* The namespaces where SealedSecrets are opened, where those are not all. */ -}}
{{- define "seal.namespaces" -}}
{{- prepend .Values.additionalNamespaces (include "seal.namespace" .) | uniq | toYaml -}}
{{- end -}}

{{- /* Immutable in a Deployment: with upstream's nameOverride they are upstream's. */ -}}
{{- define "seal.selector" -}}
app.kubernetes.io/name: {{ include "seal.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- /* Maps, lists and texts with templates in them. */ -}}
{{- define "seal.render" -}}
{{- tpl (kindIs "string" .value | ternary .value (toYaml .value)) .root -}}
{{- end -}}

{{- /*
The metadata of an object: root, and as needed name, namespace ("-" for none), labels, annotations.
*/ -}}
{{- define "seal.metadata" -}}
{{- $root := .root -}}
{{- $labels := dict
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- range list $root.Values.commonLabels .labels -}}
{{- $labels = mergeOverwrite $labels (include "seal.render" (dict "root" $root "value" (default dict .)) | fromYaml) -}}
{{- end -}}
{{- $annotations := dict -}}
{{- range list $root.Values.commonAnnotations .annotations -}}
{{- $annotations = mergeOverwrite $annotations (include "seal.render" (dict "root" $root "value" (default dict .)) | fromYaml) -}}
{{- end -}}
name: {{ default (include "seal.fullname" $root) .name }}
{{- if ne (toString .namespace) "-" }}
namespace: {{ default (include "seal.namespace" $root) .namespace }}
{{- end }}
labels:
  {{- mergeOverwrite $labels (include "seal.selector" $root | fromYaml) | toYaml | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Values of upstream's chart that were given and do nothing. */ -}}
{{- define "seal.ineffective" -}}
{{- range $path := list "kubeVersion" "maxRetries" "watchForSecrets" "kubeClientQPS" "kubeClientBurst" "ingress.apiVersion" "rbac.pspEnabled" -}}
{{- $value := $.Values -}}
{{- range splitList "." $path -}}
{{- $value = get $value . -}}
{{- end -}}
{{- if $value }}
{{ $path }}
{{- end -}}
{{- end -}}
{{- /* What is switched off does not go on in silence either. */}}
{{- range $name := list "installCRDs" "concurrent" "scopedNamespace" "scopedRBAC" "processClusterStore" "processSecretStore" "processPushSecret" "processClusterPushSecret" "openshiftFinalizers" "webhook" "certController" -}}
{{- $value := get $.Values.externalSecrets $name -}}
{{- if or $value (kindIs "bool" $value) }}
externalSecrets.{{ $name }}
{{- end -}}
{{- end -}}
{{- end -}}
