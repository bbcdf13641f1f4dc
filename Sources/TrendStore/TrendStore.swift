// TrendStore
