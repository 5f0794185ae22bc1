// config.go owns every bound of the package, with its unit and its reason.

package proxyheader

const (
	// textBytesMax is the longest header of version 1, in bytes, CR LF included.
	// The protocol sets it.
	textBytesMax = 107

	// payloadBytesMax bounds what a header of version 2 may announce behind its
	// fixed part, in bytes: a pair of addresses (36), and extras, of which a
	// client's certificate is the largest, 1 to 2 KiB.
	payloadBytesMax = 2 << 10

	// BytesMax is the longest header that is taken, in bytes.
	BytesMax = fixedBytes + payloadBytesMax

	// NetworksMax bounds a list of trusted networks: each new connection is held
	// against all of them.
	NetworksMax = 64
)
