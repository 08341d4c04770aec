package enrich

import "mailvigil/maillog"

// Survey looks at a sample of Events before the run.
type Survey struct{ config Config }

// NewSurvey returns a Survey.
func NewSurvey(c Config) *Survey { return &Survey{config: c} }

// Observe looks at one Event.
func (s *Survey) Observe(ev *maillog.Event) {}

// Config returns the completed configuration.
func (s *Survey) Config() Config { return s.config }

// Found says what was found.
func (s *Survey) Found() []string { return nil }
