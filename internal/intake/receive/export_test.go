package receive

// What tests of other packages may know of this one.
const (
	MaxBody    = maxBody
	MaxPerPeer = maxPerPeer
	MaxHeld    = maxHeld
)
