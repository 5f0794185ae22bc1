package cli

import "runtime"

// This file owns what the program calls itself.

// Version is the version of all three commands; they are released together.
const Version = "0.1.0"

// VersionLine is what -version prints, without the line's end.
func VersionLine(command string) string {
	return command + " " + Version + " (" + runtime.Version() + ")"
}
