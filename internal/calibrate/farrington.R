# Noufaily and others' flexible Farrington (2013), as R's surveillance has it,
# on quarters of an hour with the week as the period. Standard input has one
# series in each column, empty where it was not seen; the arguments are the
# first and the last row to judge. It prints, for each series, how many alarms
# there were, an hour of quiet between two.
suppressMessages(library(surveillance))
range <- as.integer(commandArgs(TRUE))
counts <- round(as.matrix(read.csv(file("stdin"), header = FALSE)))
for (k in seq_len(ncol(counts))) {
  x <- counts[, k]
  x[is.na(x)] <- 0
  judged <- range[1]:range[2]
  s <- suppressWarnings(farringtonFlexible(
    sts(observed = x, frequency = 672, start = c(1, 1), epoch = seq_along(x)),
    control = list(
      range = judged, b = 2, w = 3, noPeriods = 1, trend = FALSE, alpha = 1 / 2880,
      pastWeeksNotIncluded = 4, thresholdMethod = "nbPlugin", limit54 = c(0, 4)
    )
  ))
  hot <- judged[which(alarms(s) == 1 & !is.na(counts[judged, k]))]
  cat(if (length(hot) == 0) 0 else 1 + sum(diff(hot) > 4), "\n")
}
