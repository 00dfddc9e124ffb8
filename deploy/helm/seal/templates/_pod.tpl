{{- /* What the controller's pod is told: flags and probes. */ -}}

{{- /* A map as the controller's flags take it. */ -}}
{{- define "seal.pairs" -}}
{{- $pairs := list -}}
{{- range $name, $value := . -}}
{{- $pairs = append $pairs (printf "%s=%s" $name $value) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- end -}}

{{- /* Each flag with its value; an empty one is left to the controller. */ -}}
{{- define "seal.flags" -}}
{{- $flags := dict
  "additional-namespaces" (join "," .Values.additionalNamespaces)
  "all-namespaces" (and .Values.rbac.namespacedRoles (not .Values.additionalNamespaces) | ternary "false" "")
  "backup-recipients" (join "," .Values.backupRecipients)
  "cluster-external-secrets" (and .Values.externalSecrets.enabled (not (include "seal.clusterExternalSecrets" .)) | ternary "false" "")
  "controller-class" (.Values.externalSecrets.enabled | ternary .Values.externalSecrets.controllerClass "")
  "enable-extended-metric-labels" (and .Values.externalSecrets.enabled .Values.externalSecrets.extendedMetricLabels | ternary "true" "")
  "external-secrets" (.Values.externalSecrets.enabled | ternary "true" "")
  "http-api" .Values.httpApi
  "key-cutoff-time" .Values.keycutofftime
  "key-prefix" .Values.secretName
  "key-renew-period" .Values.keyrenewperiod
  "key-ttl" .Values.keyttl
  "leader-elect" (.Values.leaderElection.enabled | ternary "" "false")
  "leader-elect-lease-duration" .Values.leaderElection.leaseDuration
  "leader-elect-renew-deadline" .Values.leaderElection.renewDeadline
  "leader-elect-resource-name" .Values.leaderElection.resourceName
  "leader-elect-retry-period" .Values.leaderElection.retryPeriod
  "listen-addr" (printf ":%v" .Values.containerPorts.http)
  "listen-metrics-addr" (printf ":%v" .Values.containerPorts.metrics)
  "log-format" .Values.logFormat
  "log-info-stdout" .Values.logInfoStdout
  "log-level" .Values.logLevel
  "metrics-omit-secret-labels" (.Values.metrics.omitSecretLabels | ternary "true" "")
  "privatekey-annotations" (include "seal.pairs" .Values.privateKeyAnnotations)
  "privatekey-labels" (include "seal.pairs" .Values.privateKeyLabels)
  "rate-limit" .Values.rateLimit
  "rate-limit-burst" .Values.rateLimitBurst
  "require-existing-key" (.Values.requireExistingKey | ternary "true" "")
  "require-token-audience" (and .Values.externalSecrets.enabled .Values.externalSecrets.requireTokenAudience | ternary "true" "")
  "skip-recreate" .Values.skipRecreate
  "update-status" .Values.updateStatus -}}
{{- range $flag, $value := $flags -}}
{{- $value = kindIs "float64" $value | ternary (int64 $value) $value -}}
{{- if not (has (toString $value) (list "" "<nil>")) }}
- {{ printf "--%s=%v" $flag $value | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A probe by its name: root, name, path. */ -}}
{{- define "seal.probe" -}}
{{- $probe := get .root.Values .name -}}
{{- $custom := get .root.Values (printf "custom%s" (title .name)) -}}
{{- if $probe.enabled }}
{{ .name }}:
  {{- omit $probe "enabled" | toYaml | nindent 2 }}
  httpGet:
    path: {{ .path }}
    port: http
{{- else if $custom }}
{{ .name }}:
  {{- include "seal.render" (dict "root" .root "value" $custom) | nindent 2 }}
{{- end -}}
{{- end -}}
