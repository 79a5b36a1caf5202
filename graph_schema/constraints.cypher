// Made from schema.toml by `python -m kgrec.graph.schema.generate`; change that file, not this one.
CREATE CONSTRAINT `kgrec_Product_id` IF NOT EXISTS FOR (n:`Product`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_Brand_id` IF NOT EXISTS FOR (n:`Brand`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_Category_id` IF NOT EXISTS FOR (n:`Category`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_AttributeValue_id` IF NOT EXISTS FOR (n:`AttributeValue`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_Entity_id` IF NOT EXISTS FOR (n:`Entity`) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT `kgrec_User_id` IF NOT EXISTS FOR (n:`User`) REQUIRE n.id IS UNIQUE;
CREATE INDEX `kgrec_Product_title` IF NOT EXISTS FOR (n:`Product`) ON (n.`title`);
CREATE INDEX `kgrec_AttributeValue_name` IF NOT EXISTS FOR (n:`AttributeValue`) ON (n.`name`);
