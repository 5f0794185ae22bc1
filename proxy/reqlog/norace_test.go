//go:build !race

package reqlog

const raceDetector = false
