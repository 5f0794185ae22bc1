//go:build race

package proxy

// raceDetector tells that the compiler adds allocations of its own.
const raceDetector = true
