// Made from schema.toml by `python -m kgrec.graph.schema.generate`; change that file, not this one.
CREATE CONSTRAINT `kgrec_Product_id` IF NOT EXISTS FOR (n:`Product`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_Brand_id` IF NOT EXISTS FOR (n:`Brand`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_Category_id` IF NOT EXISTS FOR (n:`Category`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_AttributeValue_id` IF NOT EXISTS FOR (n:`AttributeValue`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_Entity_id` IF NOT EXISTS FOR (n:`Entity`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_User_id` IF NOT EXISTS FOR (n:`User`) REQUIRE n.id IS UNIQUE;
CREATE INDEX `kgrec_Product_title` IF NOT EXISTS FOR (n:`Product`) ON (n.`title`);
CREATE INDEX `kgrec_AttributeValue_name` IF NOT EXISTS FOR (n:`AttributeValue`) ON (n.`name`);
CREATE INDEX `kgrec_VIEWED_last_at` IF NOT EXISTS FOR ()-[r:`VIEWED`]-() ON (r.`last_at`);
CREATE INDEX `kgrec_CLICKED_last_at` IF NOT EXISTS FOR ()-[r:`CLICKED`]-() ON (r.`last_at`);
CREATE INDEX `kgrec_FAVOURITED_last_at` IF NOT EXISTS FOR ()-[r:`FAVOURITED`]-() ON (r.`last_at`);
CREATE INDEX `kgrec_CARTED_last_at` IF NOT EXISTS FOR ()-[r:`CARTED`]-() ON (r.`last_at`);
CREATE INDEX `kgrec_PURCHASED_last_at` IF NOT EXISTS FOR ()-[r:`PURCHASED`]-() ON (r.`last_at`);
CREATE INDEX `kgrec_REVIEWED_last_at` IF NOT EXISTS FOR ()-[r:`REVIEWED`]-() ON (r.`last_at`);
CREATE FULLTEXT INDEX `kgrec_Product_fulltext` IF NOT EXISTS FOR (n:`Product`) ON EACH [n.`title`, n.`description`];
CREATE VECTOR INDEX `kgrec_Product_embedding` IF NOT EXISTS FOR (n:`Product`) ON (n.`embedding`) OPTIONS {indexConfig: {`vector.dimensions`: 128, `vector.similarity_function`: 'cosine', `vector.quantization.enabled`: false}};
