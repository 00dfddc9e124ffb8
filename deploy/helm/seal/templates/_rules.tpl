{{- /* What the controller may do: each verb is used, and each call of its is covered. */ -}}

{{- /* Opening SealedSecrets, in each namespace where that is done. */ -}}
{{- define "seal.rules" -}}
- apiGroups: [bitnami.com]
  resources: [sealedsecrets]
  verbs: [list, watch]
- apiGroups: [bitnami.com]
  resources: [sealedsecrets/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- /* Keeping house in its own namespace. What is created cannot be named. */ -}}
{{- define "seal.ownRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "seal.leaseName" . | quote }}]
  verbs: [get, list, watch, update]
# Certificates and backups for everybody to read.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create, list, watch]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [seal-certificates, seal-key-backup]
  verbs: [get, update]
# What a key administrator asks for, and what came of it.
- apiGroups: [sealops.dev]
  resources: [sealingkeyrings]
  verbs: [get, list, watch]
- apiGroups: [sealops.dev]
  resources: [sealingkeyrings/status]
  verbs: [update, patch]
{{- end -}}

{{- /* A role and who has it: root, name, rules, and as needed namespace ("-" for a ClusterRole), subjects. */ -}}
{{- define "seal.role" -}}
{{- $labels := .root.Values.rbac.labels -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ eq (toString .namespace) "-" | ternary "ClusterRole" "Role" }}
metadata:
  {{- include "seal.metadata" (dict "root" .root "name" .name "namespace" .namespace "labels" $labels) | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
{{- end -}}

{{- /* roleRef is immutable, so a binding is named after its role: root, name, subjects, namespace as above. */ -}}
{{- define "seal.binding" -}}
{{- $kind := eq (toString .namespace) "-" | ternary "ClusterRole" "Role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  {{- include "seal.metadata" (dict "root" .root "name" .name "namespace" .namespace "labels" .root.Values.rbac.labels) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .name }}
subjects:
  {{- .subjects | nindent 2 }}
{{- end -}}

{{- /* The controller's service account as a subject. */ -}}
{{- define "seal.subjects" -}}
- kind: ServiceAccount
  name: {{ include "seal.serviceAccountName" . }}
  namespace: {{ include "seal.namespace" . }}
{{- end -}}
