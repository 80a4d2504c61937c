// Runs Helm's own commands, many in one process: one request a line on standard input, one answer a line on standard
// output. A request names a folder and the arguments; an answer is what was printed and the exit code.
//
// tests/it/helm compares the answers with what windlass prints.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
	_ "unsafe" // for go:linkname

	"helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
)

// Every root command adds one, and each execution runs all of them: without a reset the work grows with every request.
//
//go:linkname initializers github.com/spf13/cobra.initializers
var initializers []func()

// How long a command may take.
const patience = 15 * time.Second

type request struct {
	Dir  string
	Args []string
}

type answer struct {
	Out  []byte `json:"out"`
	Err  []byte `json:"err"`
	Code int    `json:"code"`
}

func main() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), os.Stdout
	kube.ManagedFieldsManager = "helm"
	var files [2]*os.File
	for i := range files {
		file, err := os.CreateTemp("", "helm-oracle")
		check(err)
		check(os.Remove(file.Name()))
		files[i] = file
	}
	os.Stdout, os.Stderr = files[0], files[1]
	for {
		line, err := in.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		var r request
		check(json.Unmarshal(line, &r))
		// What Helm would do for ever (a range over a huge number) is no case: the process ends, and is started anew.
		watchdog := time.AfterFunc(patience, func() { os.Exit(3) })
		code := run(r)
		watchdog.Stop()
		b, err := json.Marshal(answer{Out: take(files[0]), Err: take(files[1]), Code: code})
		check(err)
		_, err = out.Write(append(b, '\n'))
		check(err)
	}
}

func run(r request) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n", p)
			code = 2
		}
	}()
	check(os.Chdir(r.Dir))
	initializers = nil
	root, err := cmd.NewRootCmd(os.Stdout, r.Args, cmd.SetupLogging)
	check(err)
	root.SetArgs(r.Args)
	if root.Execute() != nil {
		return 1
	}
	return 0
}

// take reads what was written to a file, and empties it.
func take(file *os.File) []byte {
	_, err := file.Seek(0, io.SeekStart)
	check(err)
	text, err := io.ReadAll(file)
	check(err)
	check(file.Truncate(0))
	_, err = file.Seek(0, io.SeekStart)
	check(err)
	return text
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
