import Foundation
import JSON
import Services
import TrendStore

extension JSONWriter {
    mutating func write(_ id: UUID) { write(id.uuidString.lowercased()) }

    mutating func write(_ time: Timestamp) { write(time.description) }

    mutating func write(_ trend: Trend) { object { $0.writeMembers(trend) } }

    /// A trend with the numbers behind its stage.
    mutating func write(_ trend: Trend, _ dynamics: TrendDynamics?) {
        object { writer in
            writer.writeMembers(trend)
            writer.key("dynamics")
            guard let dynamics else { return writer.writeNull() }
            writer.object { writer in
                writer.key("observations")
                writer.write(dynamics.observations)
                writer.key("newest")
                writer.write(dynamics.newest)
                writer.key("peak")
                writer.write(dynamics.peak)
                writer.key("velocity_per_day")
                writer.write(dynamics.velocity)
                writer.key("growth_per_day")
                writer.write(dynamics.growth)
            }
        }
    }

    private mutating func writeMembers(_ trend: Trend) {
        key("id")
        write(trend.id)
        key("title")
        write(trend.title)
        key("description")
        write(trend.description)
        key("url")
        write(trend.url)
        key("source")
        write(trend.source.rawValue)
        key("category")
        write(trend.category)
        key("tags")
        array { writer in for tag in trend.tags { writer.write(tag) } }
        key("engagement_score")
        write(trend.engagementScore)
        key("velocity")
        write(trend.velocity)
        key("stage")
        write(trend.stage.rawValue)
        key("discovered_at")
        write(trend.discoveredAt)
        key("metadata")
        write(trend.metadata)
        key("embedding_status")
        write(trend.embeddingStatus.rawValue)
    }

    mutating func write(_ idea: Idea) {
        object { writer in
            writer.key("id")
            writer.write(idea.id)
            writer.key("trend_id")
            writer.write(idea.trendID)
            writer.key("title")
            writer.write(idea.title)
            writer.key("description")
            writer.write(idea.description)
            for score in IdeaScore.allCases {
                writer.key(score.rawValue)
                writer.write(idea.scores[score])
            }
            writer.key("total_score")
            writer.write(idea.totalScore)
            writer.key("analysis")
            writer.write(idea.analysis)
            writer.key("analyzed_at")
            writer.write(idea.analyzedAt)
            writer.key("status")
            writer.write(idea.status.rawValue)
            writer.key("embedding_status")
            writer.write(idea.embeddingStatus.rawValue)
        }
    }

    mutating func write(_ result: EmbeddingResult) {
        object { writer in
            writer.key("embedded")
            writer.write(result.embedded.count)
            writer.key("missing")
            writer.array { writer in for id in result.missing { writer.write(id) } }
        }
    }

    /// What a deletion answers.
    mutating func writeDeleted(_ id: UUID) {
        object { writer in
            writer.key("id")
            writer.write(id)
        }
    }

    mutating func write(_ observation: Observation) {
        object { writer in
            writer.key("observed_at")
            writer.write(observation.observedAt)
            writer.key("engagement_score")
            writer.write(observation.engagementScore)
            writer.key("url")
            writer.write(observation.url)
            writer.key("source")
            writer.write(observation.source.rawValue)
        }
    }

    mutating func write(_ statistics: TrendStatistics) {
        func write(_ counts: [TrendStatistics.Count], _ name: StaticString, _ writer: inout JSONWriter) {
            writer.array { writer in
                for count in counts {
                    writer.object { writer in
                        writer.key(name)
                        writer.write(count.value)
                        writer.key("count")
                        writer.write(count.trends)
                    }
                }
            }
        }
        object { writer in
            writer.key("total")
            writer.write(statistics.total)
            writer.key("needing_embeddings")
            writer.write(statistics.needingEmbedding)
            writer.key("by_category")
            write(statistics.byCategory, "category", &writer)
            writer.key("by_source")
            write(statistics.bySource, "source", &writer)
            writer.key("by_stage")
            write(statistics.byStage, "stage", &writer)
            writer.key("top_trending")
            writer.array { writer in for trend in statistics.topTrending { writer.write(trend) } }
        }
    }

    mutating func write(_ category: CategoryMovement) {
        object { writer in
            writer.key("category")
            writer.write(category.category)
            writer.key("count")
            writer.write(category.trends)
            writer.key("velocity")
            writer.write(category.velocity)
            writer.key("engagement_score")
            writer.write(category.engagementScore)
        }
    }
}
