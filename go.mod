module mailvigil

go 1.26
