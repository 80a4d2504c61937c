package main

import (
	"errors"
	"io"
	"os"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/kube"
	kubefake "helm.sh/helm/v4/pkg/kube/fake"
	rspb "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

func life4() []step {
	secrets := client(nil)
	kubeClient := &kubefake.FailingKubeClient{PrintingKubeClient: kubefake.PrintingKubeClient{Out: io.Discard, LogOutput: io.Discard}}
	cfg := &action.Configuration{Releases: storage.Init(driver.NewSecrets(secrets)), KubeClient: kubeClient, Capabilities: common.DefaultCapabilities, HookOutputFunc: func(_, _, _ string) io.Writer { return io.Discard }}
	var steps []step
	release := "shop"
	note := func(name string, err error) { steps = append(steps, snapshot(name, release, secrets, err)) }
	upgrade := func(replicas int, failure error) error {
		kubeClient.UpdateError = failure
		defer func() { kubeClient.UpdateError = nil }()
		chrt, err := loader.Load(chartPath)
		check(err)
		u := action.NewUpgrade(cfg)
		u.Namespace, u.WaitStrategy, u.ServerSideApply = namespace, kube.HookOnlyStrategy, "true"
		_, err = u.Run("shop", chrt, map[string]any{"replicas": replicas})
		return err
	}

	chrt, err := loader.Load(chartPath)
	check(err)
	install := action.NewInstall(cfg)
	install.ReleaseName, install.Namespace, install.WaitStrategy = "shop", namespace, kube.HookOnlyStrategy
	install.Labels = map[string]string{"team": "blue"}
	_, err = install.Run(chrt, map[string]any{"replicas": 1, "name": "a\"b\u2028c"})
	note("install", err)
	note("upgrade", upgrade(3, nil))
	note("failed upgrade", upgrade(4, errors.New("the server said \"no\"")))
	rollback := action.NewRollback(cfg)
	rollback.Version, rollback.WaitStrategy = 2, kube.HookOnlyStrategy
	note("rollback", rollback.Run("shop"))
	uninstall := action.NewUninstall(cfg)
	uninstall.KeepHistory, uninstall.WaitStrategy = true, kube.HookOnlyStrategy
	_, err = uninstall.Run("shop")
	note("uninstall", err)

	bare := action.NewInstall(cfg)
	bare.ReleaseName, bare.Namespace, bare.WaitStrategy = "bare", namespace, kube.HookOnlyStrategy
	kubeClient.WatchUntilReadyError = errors.New("job failed")
	chrt, err = loader.Load(chartPath)
	check(err)
	_, err = bare.Run(chrt, nil)
	kubeClient.WatchUntilReadyError = nil
	release = "bare"
	note("failed install", err)

	// History: 6 more upgrades of another release with a limit of 3, some failed.
	chrt, err = loader.Load("chart/charts/sub")
	check(err)
	third := action.NewInstall(cfg)
	third.ReleaseName, third.Namespace, third.WaitStrategy = "third", namespace, kube.HookOnlyStrategy
	_, err = third.Run(chrt, nil)
	release = "third"
	note("third: install", err)
	for i, failure := range []error{nil, errors.New("x"), errors.New("x"), errors.New("x"), nil, nil} {
		kubeClient.UpdateError = failure
		u := action.NewUpgrade(cfg)
		u.Namespace, u.WaitStrategy, u.ServerSideApply, u.MaxHistory = namespace, kube.HookOnlyStrategy, "true", 3
		_, err = u.Run("third", chrt, nil)
		kubeClient.UpdateError = nil
		note("third: upgrade "+string(rune('1'+i)), err)
	}
	return steps
}

func read4(secrets corev1.SecretInterface) any {
	store := storage.Init(driver.NewSecrets(secrets))
	all, err := store.ListReleases()
	check(err)
	deployed := map[string]int{}
	var releases []*rspb.Release
	labels := map[string]map[string]string{}
	for _, r := range all {
		rel := r.(*rspb.Release)
		got, err := store.Get(rel.Name, rel.Version)
		check(err)
		one := got.(*rspb.Release)
		releases = append(releases, one)
		labels[one.Name+"."+string(rune('0'+one.Version))] = one.Labels
		if last, err := store.Deployed(rel.Name); err == nil {
			deployed[rel.Name] = last.(*rspb.Release).Version
		}
	}
	return map[string]any{"releases": releases, "labels": labels, "deployed": deployed}
}

func init() { _ = os.Setenv("HELM_DRIVER", "secret") }
