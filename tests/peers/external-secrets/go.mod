module sealops.dev/peers/external-secrets

go 1.26.8

require github.com/external-secrets/external-secrets v0.20.4

// As in the module itself; a replacement counts in the main module only.
replace github.com/Masterminds/sprig/v3 => github.com/external-secrets/sprig/v3 v3.3.0
