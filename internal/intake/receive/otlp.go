package receive

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

// readOTLP reads logs of OpenTelemetry over HTTP (OTLP 1.x, POST /v1/logs), as
// protobuf or JSON. The request's message has the same fields as LogsData; the
// answer's is empty, which says that all was taken.
//
// The body of a record is the line: a text as it is, an entry of the journal as
// syslog would write it, any other object as JSON. A record without a line, such
// as a number, says nothing of mail.
func (w *web) readOTLP(req *http.Request, body []byte) (lines []intake.Received, answer []byte, kind string, err error) {
	var data logspb.LogsData
	kind, answer = "application/x-protobuf", []byte{}
	if isJSON(req) {
		kind, answer = "application/json", []byte("{}")
		err = protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 64}.Unmarshal(body, &data)
	} else {
		err = proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 64}.Unmarshal(body, &data)
	}
	if err != nil {
		return nil, nil, "", refuse(http.StatusBadRequest, refusedMalformed, "the body is no ExportLogsServiceRequest: %v", err)
	}
	peer := requestPeer(req)
	for _, resource := range data.ResourceLogs {
		from := attribute(resource.GetResource().GetAttributes(), "host.name")
		program := attribute(resource.GetResource().GetAttributes(), "service.name")
		for _, scope := range resource.ScopeLogs {
			for _, rec := range scope.LogRecords {
				file := attribute(rec.Attributes, "log.file.path")
				if file == "" {
					file = attribute(rec.Attributes, "log.file.name")
				}
				if file == "" {
					file = program
				}
				// A path's slashes would be parts of the name.
				of := intake.SourceName(from) + "/" + intake.SourceName(file)
				line, format := recordLine(rec)
				if len(line) == 0 {
					w.c.by[refusedMalformed].Add(1)
					continue
				}
				lines = append(lines, w.c.take(w.c.source("otlp", peer, []byte(of)), format, line, false))
			}
		}
	}
	return lines, answer, kind, nil
}

func recordLine(rec *logspb.LogRecord) ([]byte, maillog.Format) {
	var at time.Time
	if n := rec.TimeUnixNano; n > 0 && n < math.MaxInt64 {
		at = time.Unix(0, int64(n))
	}
	switch body := rec.GetBody().GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return dated([]byte(body.StringValue), at), maillog.FormatNone
	case *commonpb.AnyValue_BytesValue:
		return dated(body.BytesValue, at), maillog.FormatNone
	case *commonpb.AnyValue_KvlistValue:
		if line := journalRecord(body.KvlistValue, at); line != nil {
			return line, maillog.Syslog
		}
		return appendValue(nil, rec.Body, 0), maillog.FormatNone
	}
	return nil, maillog.FormatNone
}

// journalRecord is an entry of the journal, as the collector's journald receiver
// sends it.
func journalRecord(kv *commonpb.KeyValueList, at time.Time) []byte {
	e := entry{
		Message: []byte(attribute(kv.Values, "MESSAGE")), Identifier: attribute(kv.Values, "SYSLOG_IDENTIFIER"),
		Unit: attribute(kv.Values, "_SYSTEMD_UNIT"), PID: attribute(kv.Values, "_PID"), Host: attribute(kv.Values, "_HOSTNAME"),
	}
	if len(e.Message) == 0 || e.Identifier == "" && e.Unit == "" {
		return nil
	}
	if micros, err := strconv.ParseInt(attribute(kv.Values, "__REALTIME_TIMESTAMP"), 10, 64); err == nil {
		at = time.UnixMicro(micros)
	}
	if at.IsZero() {
		return nil
	}
	e.Time = at
	return e.line()
}

// attribute returns a text among attributes.
func attribute(list []*commonpb.KeyValue, key string) string {
	for _, kv := range list {
		if kv.GetKey() == key {
			return kv.GetValue().GetStringValue()
		}
	}
	return ""
}

// appendValue writes a value as JSON, in the order in which it came.
func appendValue(out []byte, v *commonpb.AnyValue, depth int) []byte {
	if depth > maxDepth {
		return append(out, "null"...)
	}
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return appendString(out, v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return strconv.AppendBool(out, v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.AppendInt(out, v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		if b, err := json.Marshal(v.DoubleValue); err == nil {
			return append(out, b...)
		}
	case *commonpb.AnyValue_BytesValue:
		return appendString(out, base64.StdEncoding.EncodeToString(v.BytesValue))
	case *commonpb.AnyValue_ArrayValue:
		out = append(out, '[')
		for i, e := range v.ArrayValue.GetValues() {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(out, e, depth+1)
		}
		return append(out, ']')
	case *commonpb.AnyValue_KvlistValue:
		out = append(out, '{')
		for i, kv := range v.KvlistValue.GetValues() {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(append(appendString(out, kv.GetKey()), ':'), kv.GetValue(), depth+1)
		}
		return append(out, '}')
	}
	return append(out, "null"...)
}
