package abuse

import "mailvigil/maillog"

// Deeds counts what was done in a mailbox, as far as lines tell.
type Deeds struct {
	SignIns  int64
	Read     int64 // messages shown, one by one
	Fetched  int64 // messages that a client took, as servers count them
	Bytes    int64
	Searches int64
	Files    int64 // downloads: attachments, messages, address books
	Sent     int64
	Deleted  int64
	Rules    int64
	Forwards int64
	Settings int64
	Synced   int64 // a phone's requests for what is new
}

// Add counts an event.
func (d *Deeds) Add(e *maillog.Event) {
	switch e.Outcome {
	case maillog.Success, maillog.OutcomeNone:
	default:
		return
	}
	switch e.Action {
	case maillog.Login:
		if e.Outcome == maillog.Success {
			d.SignIns++
			if e.Service == maillog.Submission {
				d.Sent++
			}
		}
	case maillog.Logout:
		d.Fetched += int64(e.Messages)
		d.Bytes += max(e.Bytes, 0)
	case maillog.Read:
		d.Read++
	case maillog.Search, maillog.EASFind:
		d.Searches++
	case maillog.Download, maillog.EASGetAttachment:
		d.Files++
	case maillog.Send, maillog.EASSendMail, maillog.EASSmartReply, maillog.EASSmartForward:
		d.Sent++
	case maillog.Delete:
		d.Deleted++
	case maillog.Rule:
		d.Rules++
	case maillog.Forward:
		d.Forwards++
	case maillog.Setting:
		d.Settings++
	case maillog.Sync, maillog.EASItemOperations:
		d.Synced++
	}
}

// Merge adds what another reader counted.
func (d *Deeds) Merge(o Deeds) {
	d.SignIns += o.SignIns
	d.Read += o.Read
	d.Fetched += o.Fetched
	d.Bytes += o.Bytes
	d.Searches += o.Searches
	d.Files += o.Files
	d.Sent += o.Sent
	d.Deleted += o.Deleted
	d.Rules += o.Rules
	d.Forwards += o.Forwards
	d.Settings += o.Settings
	d.Synced += o.Synced
}
