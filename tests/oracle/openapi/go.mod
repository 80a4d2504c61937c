module windlass.dev/oracle/openapi

go 1.26
