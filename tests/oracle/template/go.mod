module windlass.dev/oracle/template

go 1.26
