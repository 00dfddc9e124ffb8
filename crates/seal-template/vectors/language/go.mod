module languagevectors

go 1.26
