// Renders one chart again and again with helm v4.3.1's own engine, for comparison with windlass (`cargo xtask bench render`).
//
//	bench -chart FOLDER [-values FILE] [-seconds 1]
//
// Prints one JSON object: nanoseconds per render (median), how many renders, the process's peak memory in KiB.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"syscall"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
)

var _ = action.NewInstall // the whole of helm is linked, as in helm itself

func main() {
	path := flag.String("chart", "", "the chart's folder")
	file := flag.String("values", "", "a values file")
	seconds := flag.Float64("seconds", 1, "how long to go on")
	flag.Parse()
	values := map[string]any{}
	if *file != "" {
		read, err := common.ReadValuesFile(*file)
		check(err)
		values = read
	}
	chart, err := loader.Load(*path)
	check(err)
	check(chartutil.ProcessDependencies(chart, values))
	caps := common.DefaultCapabilities.Copy()
	version, err := common.ParseKubeVersion("1.34.0")
	check(err)
	caps.KubeVersion = *version
	options := common.ReleaseOptions{Name: "rel", Namespace: "ns", Revision: 1, IsInstall: true}
	var times []int64
	for start := time.Now(); len(times) < 5 || time.Since(start).Seconds() < *seconds; {
		began := time.Now()
		top, err := util.ToRenderValuesWithSchemaValidation(chart, values, options, caps, true)
		check(err)
		_, err = engine.Render(chart, top)
		check(err)
		times = append(times, time.Since(began).Nanoseconds())
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	check(json.NewEncoder(os.Stdout).Encode(map[string]int64{
		"ns_per_render": times[len(times)/2], "renders": int64(len(times)), "peak_rss_kb": usage.Maxrss,
	}))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
