// The adapter between kubelet and dockerd. It has a program of its own, since it is made from older modules.
package main

import (
	"fmt"
	"os"

	"github.com/Mirantis/cri-dockerd/cmd"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
)

func main() {
	command := cmd.NewDockerCRICommand(server.SetupSignalHandler())
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
