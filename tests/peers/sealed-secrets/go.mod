module sealops.dev/peers/sealed-secrets

go 1.26.8

require github.com/bitnami/sealed-secrets v0.40.0

// The registry holds the module under its former path.
replace github.com/bitnami/sealed-secrets => github.com/bitnami-labs/sealed-secrets v0.40.0
