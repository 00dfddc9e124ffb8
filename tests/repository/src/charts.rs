//! Helm charts: templates that are no YAML, helpers, and values for each environment.

use fastrand::Rng;

use crate::{ENVIRONMENTS, Repository};

/// The chart at `index`.
pub(crate) fn add(repository: &mut Repository, index: usize, random: &mut Rng) {
    let folder = format!("charts/worker-{index}");
    repository.put(
        &format!("{folder}/Chart.yaml"),
        format!(
            "apiVersion: v2\nname: worker-{index}\nversion: 0.{}.0\n",
            random.u8(1..30)
        ),
    );
    repository.put(
        &format!("{folder}/values.yaml"),
        "# Overwritten for each environment.\nreplicas: 1\nexistingSecret: \"\"\nauth:\n  enabled: false\n",
    );
    for environment in ENVIRONMENTS {
        let replicas = random.u8(1..8);
        repository.put(
            &format!("{folder}/values-{environment}.yaml"),
            format!("replicas: {replicas}\nexistingSecret: worker-{index}-{environment}\n"),
        );
    }
    for (file, text) in TEMPLATES {
        repository.put(&format!("{folder}/templates/{file}"), text);
    }
}

const TEMPLATES: [(&str, &str); 4] = [
    (
        "_helpers.tpl",
        "{{- define \"worker.name\" -}}{{ .Release.Name | trunc 63 }}{{- end -}}\n",
    ),
    (
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ include \"worker.name\" . }}\nspec:\n  replicas: \
         {{ .Values.replicas }}\n  {{- with .Values.strategy }}\n  strategy: {{- toYaml . | nindent 4 }}\n  {{- end }}\n",
    ),
    // A Secret only once it is rendered.
    (
        "secret.yaml",
        "{{- if not .Values.existingSecret }}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ include \"worker.name\" . \
         }}\ntype: Opaque\ndata:\n  password: {{ randAlphaNum 20 | b64enc | quote }}\n{{- end }}\n",
    ),
    (
        "sealed.yaml",
        "{{- range $name, $texts := .Values.sealed }}\n---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  \
         name: {{ $name }}\nspec:\n  encryptedData: {{- toYaml $texts | nindent 4 }}\n{{- end }}\n",
    ),
];
