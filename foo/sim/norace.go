//go:build !race

package sim

// seedsUsual is how many runs a test makes without a flag: what takes a second or
// two.
const seedsUsual = 2000

const raceDetector = false
