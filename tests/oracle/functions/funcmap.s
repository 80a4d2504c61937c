// Empty: lets main.go declare a function without a body, which the linker finds in Helm.
