package maillog

import "bytes"

// logfmt takes the first "key=value" off a line. A value in quotes keeps its
// escapes, and escaped says so.
func logfmt(b []byte) (key, value, rest []byte, escaped, ok bool) {
	b = bytes.TrimLeft(b, " ")
	i := bytes.IndexByte(b, '=')
	if i <= 0 || bytes.IndexByte(b[:i], ' ') >= 0 {
		return nil, nil, nil, false, false
	}
	key, b = b[:i], b[i+1:]
	if len(b) > 0 && b[0] == '"' {
		end, escaped := closingQuote(b, 1)
		if end < 0 || end+1 < len(b) && b[end+1] != ' ' {
			return nil, nil, nil, false, false
		}
		return key, b[1:end], b[end+1:], escaped, true
	}
	if i = bytes.IndexByte(b, ' '); i < 0 {
		i = len(b)
	}
	return key, b[:i], b[i:], false, true
}
