{{- /* What the controller may do: each verb is used, and each call of its is covered. */ -}}

{{- /* Opening SealedSecrets, and fetching for ExternalSecrets, in each namespace where that is done. */ -}}
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
- apiGroups: [sealops.dev]
  resources: [reencryptions]
  verbs: [get, list, watch, delete]
- apiGroups: [sealops.dev]
  resources: [reencryptions/status]
  verbs: [patch]
{{- if .Values.externalSecrets.enabled }}
- apiGroups: [external-secrets.io]
  resources: [externalsecrets, secretstores]
  verbs: [list, watch]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets, externalsecrets/status, secretstores/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
- apiGroups: [generators.external-secrets.io]
  resources: [fakes, passwords, sshkeys, uuids]
  verbs: [get, list, watch]
{{- /* What is in no namespace, a Role cannot give: without a ClusterRole there are no ClusterSecretStores. */}}
{{- if not .Values.rbac.namespacedRoles }}
- apiGroups: [external-secrets.io]
  resources: [clustersecretstores]
  verbs: [list, watch]
- apiGroups: [external-secrets.io]
  resources: [clustersecretstores/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
- apiGroups: [generators.external-secrets.io]
  resources: [clustergenerators]
  verbs: [get, list, watch]
{{- if include "seal.clusterExternalSecrets" . }}
- apiGroups: [external-secrets.io]
  resources: [clusterexternalsecrets]
  verbs: [list, watch, patch]
- apiGroups: [external-secrets.io]
  resources: [clusterexternalsecrets/status]
  verbs: [patch]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets]
  verbs: [create, update, delete]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Which replica leads. What is created cannot be named. */ -}}
{{- define "seal.leaderRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "seal.leaseName" . | quote }}]
  verbs: [get, list, watch, update]
{{- end -}}

{{- /* Sealing keys: certificates and backups are published, and administrators' requests are read. */ -}}
{{- define "seal.keyRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [seal-certificates, seal-key-backup]
  verbs: [get, list, watch, update]
- apiGroups: [sealops.dev]
  resources: [sealingkeyrings]
  resourceNames: [seal]
  verbs: [get, list, watch]
- apiGroups: [sealops.dev]
  resources: [sealingkeyrings/status]
  resourceNames: [seal]
  verbs: [patch]
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
