// Empty: lets main.go declare a variable of cobra's, which the linker finds in Helm.
