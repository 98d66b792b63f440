package manager

import (
	"os"
	"path/filepath"
)

// In Slipway's package the plugins are beside docker.exe, which may be in any folder. They are found there without an
// entry in the user's configuration, and after those that the user has installed.
func init() {
	if program, err := os.Executable(); err == nil {
		defaultSystemPluginDirs = append(defaultSystemPluginDirs, filepath.Join(filepath.Dir(program), "cli-plugins"))
	}
}
