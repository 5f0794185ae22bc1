//go:build race

package sim

// seedsUsual is how many runs a test makes without a flag. The race detector makes
// each ten times as slow, and there is one goroutine in each.
const seedsUsual = 200

const raceDetector = true
