// endword.go owns which requests end a connection: behind their reply the server
// closes, and that close is the client's wish.

package proxy

import "strings"

// knowEndWords prepares the look-up: nearly all requests are told from end words by
// their length. Where every close is relayed there is nothing to be told.
func (p *Proxy) knowEndWords() {
	if !p.failsOver() {
		return
	}
	for _, w := range p.config.EndWords {
		p.endWordLens |= 1 << len(w)
	}
}

// isEndWord reports whether a request with such Data is one.
func (p *Proxy) isEndWord(data []byte) bool {
	if len(data) > EndWordBytesMax || p.endWordLens>>len(data)&1 == 0 {
		return false
	}
	for _, w := range p.config.EndWords {
		if strings.EqualFold(string(data), w) {
			return true
		}
	}
	return false
}
