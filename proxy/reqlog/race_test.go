//go:build race

package reqlog

// raceDetector tells that it allocates by itself.
const raceDetector = true
