//go:build race

package main

// raceDetector tells that memory is several times what it is otherwise.
const raceDetector = true
