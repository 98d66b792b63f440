package supervise

import (
	"os"
	"sync"
)

// logLimit is the size in bytes at which a log becomes NAME.log.old, in place of the one before.
const logLimit = 1 << 20

// log is a file that is appended to and never grows beyond its limit.
type log struct {
	mutex sync.Mutex
	path  string
	file  *os.File
	size  int64
}

func openLog(path string) (*log, error) {
	one := &log{path: path}
	return one, one.open()
}

func (l *log) open() error {
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write never fails: a program must not end because the disk is full. What cannot be written is lost.
func (l *log) Write(content []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.file == nil || l.size+int64(len(content)) > logLimit {
		l.rotate()
	}
	if l.file != nil {
		written, _ := l.file.Write(content)
		l.size += int64(written)
	}
	return len(content), nil
}

func (l *log) rotate() {
	l.closeFile()
	if os.Rename(l.path, l.path+".old") == nil || l.size == 0 {
		_ = l.open() // tried again at the next write
	}
}

func (l *log) closeFile() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

func (l *log) close() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.closeFile()
}
