module sealops.dev/peers/age

go 1.26

require filippo.io/age v1.3.2
