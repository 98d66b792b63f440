package main

import (
	"os"
	"path/filepath"
	_ "unsafe" // for go:linkname

	_ "github.com/docker/cli/cli-plugins/manager"
)

//go:linkname systemPluginFolders github.com/docker/cli/cli-plugins/manager.defaultSystemPluginDirs
var systemPluginFolders []string

// compose builds by buildx, which is beside it in Slipway's package, whatever folder that is in. docker_plugins.go does
// the same for docker.exe, whose source that list is a part of.
func init() {
	if program, err := os.Executable(); err == nil {
		systemPluginFolders = append(systemPluginFolders, filepath.Dir(program))
	}
}
