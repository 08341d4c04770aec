package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"mailvigil/verdict"
)

// JSON writes v as docs/verdict.schema.json describes it: indented, in the
// order of the types' fields, times in v.Timezone, lists never null, and a
// time that is not known as null.
//
// Text from logs is written as the data it is. Whatever cannot be printed is
// escaped as JSON allows, since --json - may write to a terminal; bytes that
// are not UTF-8 become U+FFFD, and evidence has the hash of the raw line.
func JSON(w io.Writer, v *verdict.Verdict) error {
	e := encoder{loc: location(v)}
	if err := e.value(reflect.ValueOf(v).Elem(), "verdict"); err != nil {
		return fmt.Errorf("write the verdict as JSON: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, e.out.Bytes(), "", " "); err != nil {
		return fmt.Errorf("write the verdict as JSON: %w", err)
	}
	out.WriteByte('\n')
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write the verdict as JSON: %w", err)
	}
	return nil
}

// location is the zone that v asks for, or UTC where there is no such zone.
func location(v *verdict.Verdict) *time.Location {
	loc, err := time.LoadLocation(v.Timezone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// encoder differs from encoding/json in what the contract wants differently:
// empty lists for nil, null for the zero time, and -1 for a count of a plot
// that is not known.
type encoder struct {
	out bytes.Buffer
	loc *time.Location
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	intervalType = reflect.TypeFor[[2]time.Time]()
	plotType     = reflect.TypeFor[verdict.Plot]()
)

func (e *encoder) value(v reflect.Value, name string) error {
	switch v.Type() {
	case timeType:
		t := v.Interface().(time.Time)
		if t.IsZero() {
			e.out.WriteString("null")
			return nil
		}
		// Six digits or none: what every parser of RFC 3339 reads.
		layout := time.RFC3339
		if t.Nanosecond() >= 1000 {
			layout = "2006-01-02T15:04:05.000000Z07:00"
		}
		return e.leaf(t.In(e.loc).Format(layout))
	case intervalType:
		if i := v.Interface().([2]time.Time); i[0].IsZero() || i[1].IsZero() {
			e.out.WriteString("null")
			return nil
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			e.out.WriteString("null")
			return nil
		}
		return e.value(v.Elem(), name)
	case reflect.Struct:
		e.out.WriteByte('{')
		if err := e.fields(v, name, new(bool)); err != nil {
			return err
		}
		e.out.WriteByte('}')
		return nil
	case reflect.Slice, reflect.Array:
		e.out.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				e.out.WriteByte(',')
			}
			if err := e.value(v.Index(i), name); err != nil {
				return err
			}
		}
		e.out.WriteByte(']')
		return nil
	case reflect.Map:
		if v.IsNil() {
			e.out.WriteString("{}")
			return nil
		}
		return e.leaf(v.Interface())
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%s is %v, not a number that JSON has", name, f)
		}
		return e.leaf(v.Interface())
	default:
		return e.leaf(v.Interface())
	}
}

func (e *encoder) fields(v reflect.Value, name string, some *bool) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		if field.Anonymous {
			if err := e.fields(v.Field(i), name, some); err != nil {
				return err
			}
			continue
		}
		key, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "omitempty" && v.Field(i).IsZero() {
			continue
		}
		if *some {
			e.out.WriteByte(',')
		}
		*some = true
		if err := e.leaf(key); err != nil {
			return err
		}
		e.out.WriteByte(':')
		value := v.Field(i)
		if counts, ok := value.Interface().([]float64); ok && v.Type() == plotType {
			value = reflect.ValueOf(unknownAsMinusOne(counts))
		}
		if err := e.value(value, name+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) leaf(v any) error {
	b, err := json.Marshal(v)
	for _, r := range string(b) {
		switch {
		case r < utf8.RuneSelf || unicode.IsPrint(r):
			e.out.WriteRune(r)
		case r <= 0xFFFF:
			fmt.Fprintf(&e.out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&e.out, `\u%04x\u%04x`, high, low)
		}
	}
	return err
}

func unknownAsMinusOne(counts []float64) []float64 {
	out := make([]float64, len(counts))
	for i, c := range counts {
		if math.IsNaN(c) || math.IsInf(c, 0) || c < 0 {
			c = -1
		}
		out[i] = c
	}
	return out
}
