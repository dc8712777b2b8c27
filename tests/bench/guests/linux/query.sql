-- A table of SIZE rows made, indexed, joined with itself, changed and summed up.
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, price INTEGER);
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < SIZE)
INSERT INTO item SELECT n, n * 7919 % 1009, printf('item %06x', n * 40503 % 65536), n * 104729 % 9973 FROM number;
CREATE INDEX item_kind ON item (kind, price);
SELECT count(*), sum(a.price - b.price) FROM item a JOIN item b ON a.kind = b.kind AND a.price < b.price;
UPDATE item SET price = price + length(name) WHERE name LIKE '%a7%';
DELETE FROM item WHERE id % 17 = 3;
SELECT kind, count(*), max(name), total(price) FROM item GROUP BY kind ORDER BY 4 DESC LIMIT 20;
SELECT id, name FROM item WHERE price BETWEEN 100 AND 200 ORDER BY name, id LIMIT 50;
