package maillog

import "bytes"

// column is what a column of a log with a header holds.
type column uint8

const (
	colOther column = iota
	colTime         // or the date, where the time of day has a column
	colTimeOfDay
	colClient
	colServer
	colAccount
	colMethod
	colStem
	colQuery
	colAgent
	colStatus
	colWin32
	colBytes
	colProtocol
	colSession
	colCommand
	colParameters
	colContext
	colSource
	colEvent
	colRecipients
	colData
	columnEnd
)

// columns says what stands where in the rows of one file. Its header says so:
//
//	#Fields: date time s-ip cs-method cs-uri-stem …
//	#Fields: DateTime,RequestId,MajorVersion,…
type columns struct {
	format   Format // FormatNone: no header was seen
	count    int    // of columns
	at       [columnEnd]int
	outbound bool // a log of what the server sent to others
}

// maxColumns is more than Exchange's widest log has.
const maxColumns = 128

// cells are the fields of one row.
type cells struct {
	n    int
	cell [maxColumns][]byte
}

// columnNames are the names in headers; those of IIS are in the W3C's terms.
var columnNames = [...]struct {
	name string
	col  column
}{
	{"date", colTime},
	{"time", colTimeOfDay},
	{"datetime", colTime},
	{"date-time", colTime},
	{"c-ip", colClient},
	{"clientipaddress", colClient},
	{"cip", colClient},
	{"original-client-ip", colClient},
	{"s-ip", colServer},
	{"sip", colServer},
	{"cs-username", colAccount},
	{"authenticateduser", colAccount},
	{"user", colAccount},
	{"sender-address", colAccount},
	{"cs-method", colMethod},
	{"method", colMethod},
	{"cs-uri-stem", colStem},
	{"urlstem", colStem},
	{"cs-uri-query", colQuery},
	{"urlquery", colQuery},
	{"cs(user-agent)", colAgent},
	{"useragent", colAgent},
	{"sc-status", colStatus},
	{"httpstatus", colStatus},
	{"sc-win32-status", colWin32},
	{"sc-bytes", colBytes},
	{"responsebytes", colBytes},
	{"rpsize", colBytes},
	{"total-bytes", colBytes},
	{"protocol", colProtocol},
	{"sessionid", colSession},
	{"internal-message-id", colSession},
	{"command", colCommand},
	{"parameters", colParameters},
	{"context", colContext},
	{"source", colSource},
	{"event-id", colEvent},
	{"recipient-count", colRecipients},
	{"session-id", colSession},
	{"local-endpoint", colServer},
	{"remote-endpoint", colClient},
	{"event", colEvent},
	{"data", colData},
}

// columnFormats are the formats with a header, the columns that they are known
// by, how a row is read, and what stands where unless a header says otherwise.
var columnFormats = [...]struct {
	format Format
	needs  []column
	read   func(p *Parser, c *cells, ev *Event) Result
	usual  string
}{
	{
		ExchangeIIS,
		[]column{colTime, colTimeOfDay, colStem, colClient, colStatus, colMethod},
		(*Parser).exchangeIIS,
		"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
	},
	{ExchangeProxy, []column{colTime, colStem, colClient, colStatus, colMethod}, (*Parser).exchangeProxy, ""},
	{
		ExchangeIMAP,
		[]column{colTime, colSession, colCommand, colClient, colContext},
		(*Parser).exchangeIMAP,
		"#Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,context,puid",
	},
	{
		ExchangeSMTP,
		[]column{colTime, colSession, colServer, colClient, colEvent, colData},
		(*Parser).exchangeSMTP,
		"#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context",
	},
	{
		ExchangeTracking,
		[]column{colTime, colSource, colEvent, colAccount},
		(*Parser).exchangeTracking,
		"#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,custom-data",
	},
}

func hasColumns(f Format) bool {
	for i := range columnFormats {
		if columnFormats[i].format == f {
			return true
		}
	}
	return false
}

const (
	whyHeader  = "no header before it says what stands where"
	whyColumns = "another number of columns than its header"
)

// header reads a line of names, with or without "#Fields: ".
func header(line []byte) (c columns) {
	line = bytes.TrimPrefix(line, []byte("#Fields: "))
	var row cells
	row.split(line)
	c.count = row.n
	for i := range c.at {
		c.at[i] = -1
	}
	for i, name := range row.cell[:row.n] {
		for _, known := range columnNames {
			if equalFold(name, known.name) && c.at[known.col] < 0 {
				c.at[known.col] = i
			}
		}
	}
	for _, f := range columnFormats {
		known := true
		for _, col := range f.needs {
			known = known && c.at[col] >= 0
		}
		if known {
			c.format = f.format
			break
		}
	}
	return c
}

// split takes a row apart: at commas, where there is one before the first
// blank, else at blanks. A field in quotes may hold commas; a quote in it is
// doubled, and stays so.
func (c *cells) split(line []byte) {
	c.n = 0
	separator := byte(' ')
	if i := bytes.IndexAny(line, " ,"); i >= 0 {
		separator = line[i]
	}
	for c.n < maxColumns {
		end := 0
		if separator == ',' && len(line) > 0 && line[0] == '"' {
			for end = 1; end < len(line); end++ {
				if line[end] == '"' {
					if end++; end == len(line) || line[end] != '"' {
						break
					}
				}
			}
			for end < len(line) && line[end] != ',' {
				end++
			}
		} else if end = bytes.IndexByte(line, separator); end < 0 {
			end = len(line)
		}
		c.cell[c.n] = line[:end]
		c.n++
		if end == len(line) {
			return
		}
		line = line[end+1:]
	}
	c.n++ // more than there is room for
}

// get returns what stands in a column, without its quotes; nil for nothing.
func (p *Parser) get(c *cells, col column) []byte {
	i := p.columns.at[col]
	if i < 0 || i >= c.n {
		return nil
	}
	b := c.cell[i]
	if len(b) > 1 && b[0] == '"' && b[len(b)-1] == '"' {
		b = b[1 : len(b)-1]
	}
	if string(b) == "-" {
		return nil
	}
	return b
}

// isHeader knows the lines that begin a file.
func isHeader(line []byte) bool {
	return line[0] == '#' && (hasPrefix(line, "#Fields: ") || hasPrefix(line, "#Software: ") || hasPrefix(line, "#Version: ") ||
		hasPrefix(line, "#Date: ") || hasPrefix(line, "#Log-type: ") || hasPrefix(line, "#Start-Date: ")) ||
		hasPrefix(line, "DateTime,") || hasPrefix(line, "dateTime,")
}

// beginsColumns knows a header, a row of IIS in the usual order, and a row of
// Exchange's own logs by its time in UTC before a comma.
func beginsColumns(line []byte) bool {
	if line[0] == '#' || line[0]|0x20 == 'd' {
		return isHeader(line)
	}
	if len(line) < 22 || !isDigit(line[0]) || line[4] != '-' {
		return false
	}
	_, rest, ok := parseStamp(line)
	if !ok || len(rest) == 0 {
		return false
	}
	if rest[0] == ',' {
		return line[10] == 'T' && line[len(line)-len(rest)-1] == 'Z'
	}
	if line[10] != ' ' || rest[0] != ' ' {
		return false
	}
	server, rest, ok := cut(rest[1:], " ")
	if !ok {
		return false
	}
	if _, ok = parseAddr(server); !ok {
		return false
	}
	method, rest, ok := cut(rest, " ")
	return ok && isMethod(method) && hasPrefix(rest, "/")
}

// tellColumns names the format of a line for Detect: the header does.
func tellColumns(line []byte) Format {
	switch {
	case hasPrefix(line, "#Fields: "):
		return header(line).format
	case isDigit(line[0]) && line[10] == ' ':
		return ExchangeIIS
	case isDigit(line[0]):
		var row cells
		row.split(line)
		return protocolLog(&row)
	}
	return FormatNone
}

func tellIISEvent([]byte) Format { return ExchangeIIS }

// fits reports whether a line is a row below the header that was seen.
func (c *columns) fits(line []byte) bool {
	if c.format == FormatNone || len(line) < 20 || line[4] != '-' || !isDigit(line[0]) {
		return false
	}
	if c.format == ExchangeIIS {
		return line[10] == ' ' && bytes.Count(line, []byte(" "))+1 == c.count
	}
	i := bytes.IndexByte(line, ',')
	return line[10] == 'T' && i >= len("2026-02-21T00:03:02Z") && i <= len("2026-02-21T00:03:02.8470000Z") && line[i-1] == 'Z'
}

// rows reads a line of a file with a header.
func (p *Parser) rows(line []byte, ev *Event) Result {
	if beginsIISEvent(line) {
		return p.iisEvent(line, ev)
	}
	if isHeader(line) {
		switch {
		case hasPrefix(line, "#Log-type: "):
			p.columns.outbound = contains(line, " Send ")
		case line[0] != '#', hasPrefix(line, "#Fields: "):
			outbound := p.columns.outbound
			p.columns = header(line)
			p.columns.outbound = outbound
		}
		return ignored
	}
	guessed := false
	if p.columns.format == FormatNone && (p.opt.Format == FormatNone || hasColumns(p.opt.Format)) {
		format := p.opt.Format
		if len(line) > 10 && line[10] == ' ' {
			format = ExchangeIIS
		} else if format == FormatNone {
			p.cells.split(line)
			format = protocolLog(&p.cells)
			guessed = format != FormatNone
		}
		for _, f := range columnFormats {
			if f.format == format && f.usual != "" {
				p.columns = header([]byte(f.usual))
			}
		}
	}
	if p.columns.format == FormatNone {
		return rejected(whyHeader)
	}
	c := &p.cells
	if c.split(line); c.n != p.columns.count {
		return rejected(whyColumns)
	}
	r := p.row(c, len(line), ev)
	if guessed && p.opt.Mixed {
		p.columns = columns{} // the next line may be of another file
	}
	return r
}

// protocolLog knows a row of Exchange's protocol logs without their header, by
// the ends of the connection and what stands beside them.
func protocolLog(c *cells) Format {
	pair := func(i int) bool {
		_, local := addrPort(c.cell[i])
		_, remote := addrPort(c.cell[i+1])
		return local && remote
	}
	number := func(i int) bool {
		_, rest, ok := digits(c.cell[i])
		return ok && len(rest) == 0
	}
	switch {
	case c.n == 13 && number(2) && pair(3):
		return ExchangeIMAP
	case c.n == 9 && number(3) && pair(4) && len(c.cell[6]) == 1 && bytes.IndexByte([]byte("+-><*"), c.cell[6][0]) >= 0:
		return ExchangeSMTP
	}
	return FormatNone
}

// row reads the cells of a row of that many bytes.
func (p *Parser) row(c *cells, size int, ev *Event) Result {
	s, _, ok := parseStamp(p.get(c, colTime))
	if i := p.columns.at[colTimeOfDay]; i >= 0 {
		if s, ok = parseDate(p.get(c, colTime)); ok {
			_, ok = s.timeOfDay(p.get(c, colTimeOfDay))
		}
	}
	s.zoned = true // all of them are UTC
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	client := p.get(c, colClient)
	if ev.ClientIP, ok = addrPort(client); !ok && len(client) > 0 {
		return rejected(whyAddress)
	}
	ev.ServerIP, _ = addrPort(p.get(c, colServer))
	ev.Account = p.get(c, colAccount)
	ev.Format = p.columns.format
	p.json.text = p.json.text[:0]
	p.json.room(size) // for the request and the user agent
	for i := range columnFormats {
		if columnFormats[i].format == ev.Format {
			return columnFormats[i].read(p, c, ev)
		}
	}
	return rejected(whyHeader)
}

func beginsIISEvent(line []byte) bool {
	return hasPrefix(line, "<Event ") && contains(line[:min(len(line), 512)], "Microsoft-Windows-IIS-Logging")
}

// iisEvent reads what IIS writes as an event of Windows (ETW, event 6200), on
// one line as collectors forward it:
//
//	<Event …><System><Provider Name="Microsoft-Windows-IIS-Logging" …/>…</System><EventData><Data Name="date">2026-02-21</Data><Data Name="time">00:03:02</Data><Data Name="c-ip">198.51.100.7</Data>…</EventData></Event>
//
// XML escapes "<", so no client can add a field.
func (p *Parser) iisEvent(line []byte, ev *Event) Result {
	if !hasSuffix(bytes.TrimRight(line, " "), "</Event>") {
		return rejected(whyCut)
	}
	c, cols := &p.cells, columns{format: ExchangeIIS}
	for i := range cols.at {
		cols.at[i] = -1
	}
	c.n = 0
	_, rest, _ := cut(line, "<EventData>")
	for c.n < maxColumns {
		var name, value []byte
		var ok bool
		if _, rest, ok = cut(rest, "<Data Name=\""); !ok {
			break
		}
		if name, rest, ok = cut(rest, "\""); !ok {
			return rejected(whyCut)
		}
		if value, ok = after(rest, ">"); !ok {
			continue // empty: "/>"
		}
		if value, rest, ok = cut(value, "</Data>"); !ok {
			return rejected(whyCut)
		}
		for _, known := range columnNames {
			own := string(name) == known.name || known.col == colAgent && string(name) == "csUser-Agent"
			if own && cols.at[known.col] < 0 && (known.col != colClient || string(name) == "c-ip") {
				cols.at[known.col] = c.n
				c.cell[c.n] = value
				c.n++
			}
		}
	}
	p.cellText = p.cellText[:0]
	for _, col := range [...]column{colQuery, colStem, colAgent, colAccount} {
		if i := cols.at[col]; i >= 0 && bytes.IndexByte(c.cell[i], '&') >= 0 {
			start := len(p.cellText)
			p.cellText = unescapeXML(p.cellText, c.cell[i])
			c.cell[i] = p.cellText[start:len(p.cellText):len(p.cellText)]
		}
	}
	for _, col := range columnFormats[0].needs {
		if cols.at[col] < 0 {
			return rejected(whyCut)
		}
	}
	of := p.columns
	p.columns = cols
	r := p.row(c, len(line), ev)
	p.columns = of
	return r
}

// unescapeXML undoes the five entities that XML predefines.
func unescapeXML(out, b []byte) []byte {
	for len(b) > 0 {
		if b[0] == '&' {
			found := false
			for _, e := range [...]struct {
				name string
				c    byte
			}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}} {
				if hasPrefix(b, e.name) {
					out, b, found = append(out, e.c), b[len(e.name):], true
					break
				}
			}
			if found {
				continue
			}
		}
		out, b = append(out, b[0]), b[1:]
	}
	return out
}

// parseDate reads "2026-02-21".
func parseDate(b []byte) (s stamp, ok bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' || two(b, 0) < 0 || two(b, 2) < 0 {
		return s, false
	}
	s.year, s.month, s.day = two(b, 0)*100+two(b, 2), two(b, 5), two(b, 8)
	return s, s.year != 0
}

// target puts path and query of a request together again.
func (p *Parser) target(c *cells) []byte {
	stem, query := p.get(c, colStem), bytes.TrimPrefix(p.get(c, colQuery), []byte("?"))
	if len(query) == 0 {
		return stem
	}
	j := &p.json
	start := len(j.text)
	j.text = append(append(append(j.text, stem...), '?'), query...)
	return j.text[start:len(j.text):len(j.text)]
}

// httpRow fills in the request of a row.
func (p *Parser) httpRow(c *cells, ev *Event) Result {
	status, rest, ok := digits(p.get(c, colStatus))
	switch {
	case !ok && len(p.get(c, colStatus)) > 0, len(rest) > 0, status > 999, status > 0 && status < 100:
		return rejected(whyStatus)
	}
	ev.Status = uint16(status)
	if n, rest, ok := digits(p.get(c, colBytes)); ok && len(rest) == 0 {
		ev.Bytes = n
	}
	p.requested(p.get(c, colMethod), p.target(c), ev)
	return parsed
}
