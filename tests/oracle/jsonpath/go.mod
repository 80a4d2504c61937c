module windlass.dev/oracle/jsonpath

go 1.24
